import { useEffect, useRef, useState } from "preact/hooks";

/** Something that is done only when it is confirmed. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button that does it says. */
  readonly confirm: string;
  /** A number to be entered along with it. */
  readonly number?: {
    readonly label: string;
    readonly value: number;
    readonly min: number;
    readonly max: number;
  };
  /** Rejects with what went wrong. */
  act(answer: number | undefined): Promise<void>;
  close(): void;
}

/** Puts a question; it knows itself how to be closed. */
export type Ask = (question: Omit<Question, "close">) => void;

/** A modal dialog: Escape and Cancel leave everything as it is. */
export function QuestionDialog({ question }: { readonly question: Question }) {
  const { title, text, confirm, number, act, close } = question;
  const dialog = useRef<HTMLDialogElement>(null);
  const [answer, setAnswer] = useState(number?.value);
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await act(answer);
      close();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <form onSubmit={submit}>
        <h2 id="question">{title}</h2>
        <p>{text}</p>
        {number && (
          <label>
            {number.label}{" "}
            <input
              type="number"
              required
              min={number.min}
              max={number.max}
              value={answer}
              onInput={({ currentTarget }) => setAnswer(currentTarget.valueAsNumber)}
            />
          </label>
        )}
        {failure && (
          <p class="bad" role="alert">
            {failure}
          </p>
        )}
        <p class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="main" disabled={busy}>
            {confirm}
          </button>
        </p>
      </form>
    </dialog>
  );
}
