import { useEffect, useMemo, useState } from "preact/hooks";
import { includes } from "../role.ts";
import { type Ask, type Question, QuestionDialog } from "./dialog.tsx";
import { EventList } from "./events.tsx";
import { type Picture, serverFeed } from "./feed.ts";
import { Header } from "./header.tsx";
import { ServerApi } from "./server-api.ts";
import { SessionTable } from "./sessions.tsx";
import { TokenForm } from "./token-form.tsx";
import { TunnelList } from "./tunnels.tsx";

/** Kept until the tab is closed, and sent nowhere but to the server the page came from. */
const tokenKey = "token";

/** The page: what is known, what can be done about it, and one question at a time. */
export function Dashboard() {
  const [token, setToken] = useState(sessionStorage.getItem(tokenKey) ?? undefined);
  const [picture, setPicture] = useState<Picture>();
  const [filter, setFilter] = useState("");
  const [question, setQuestion] = useState<Question>();
  const [feed, api] = useMemo(() => {
    const server = new ServerApi(token);
    return [serverFeed(server, setPicture), server] as const;
  }, [token]);
  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);
  useKey("/", () => document.getElementById("filter")?.focus());

  const enter = (entered: string) => {
    sessionStorage.setItem(tokenKey, entered);
    setPicture(undefined);
    setToken(entered);
  };
  if (picture?.refused !== undefined)
    return <TokenForm refusal={token === undefined ? undefined : picture.refused} enter={enter} />;
  if (!picture?.status)
    return (
      <main class="alone">
        <p role="status">
          {picture?.lost ? `The server cannot be asked: ${picture.lost.reason}` : "Looking …"}
        </p>
      </main>
    );
  const { status, sessions, events, overlay, history, caller } = picture;
  const may = (role: "operate" | "admin") => caller !== undefined && includes(caller.role, role);
  const ask: Ask = (asked) =>
    setQuestion({
      ...asked,
      act: async (answer) => {
        await asked.act(answer);
        feed.refresh();
      },
      close: () => setQuestion(undefined),
    });
  return (
    <>
      <Header picture={picture} status={status} filter={filter} setFilter={setFilter} />
      {picture.lost && (
        <p class="banner bad" role="alert">
          No answer since {picture.lost.since.toLocaleTimeString()} ({picture.lost.reason}). What stands below
          is what was known then.
        </p>
      )}
      {overlay.length > 0 && (
        <p class="banner">
          {overlay.length === 1 ? "One change" : `${overlay.length} changes`} made while running and not in
          the file: {overlay.map(({ path }) => path).join(", ")}{" "}
          {may("admin") && (
            <button
              type="button"
              onClick={() =>
                ask({
                  title: "Take back every live change?",
                  text: "Tunnels and targets go back to what the configuration file says.",
                  confirm: "Take back",
                  act: () => api.dropOverlay(),
                })
              }
            >
              Take back …
            </button>
          )}
        </p>
      )}
      <main class={picture.lost ? "stale" : ""}>
        <TunnelList {...{ status, history, ask, api }} filter={filter.trim()} mayOperate={may("operate")} />
        <SessionTable {...{ sessions, ask, api }} filter={filter.trim()} mayOperate={may("operate")} />
        <EventList events={events} />
      </main>
      {question && <QuestionDialog question={question} />}
    </>
  );
}

/** Calls `act` when the key is pressed and nobody is writing. */
function useKey(key: string, act: () => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const writing = event.target instanceof HTMLInputElement || document.querySelector("dialog[open]");
      if (event.key !== key || writing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [key, act]);
}
