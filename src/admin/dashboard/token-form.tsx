import { useState } from "preact/hooks";

export interface TokenFormProps {
  /** Why the last one was not taken. */
  readonly refusal: string | undefined;
  enter(token: string): void;
}

/** Asks for the token that a listener on TCP wants. */
export function TokenForm({ refusal, enter }: TokenFormProps) {
  const [token, setToken] = useState("");
  return (
    <main class="alone">
      <h1>equilibria-tunnel</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") enter(token.trim());
        }}
      >
        <label>
          Token{" "}
          <input
            type="password"
            autocomplete="off"
            autofocus
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>{" "}
        <button type="submit" class="main">
          Enter
        </button>
        {refusal !== undefined && (
          <p class="bad" role="alert">
            {refusal}
          </p>
        )}
        <p class="quiet">
          One of <code>admin.http.tokens</code>. It stays in this tab.
        </p>
      </form>
    </main>
  );
}
