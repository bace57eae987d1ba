import type { SessionStatus } from "../../core/status.ts";
import { formatAge, formatBytes } from "../../telemetry/quantities.ts";
import { selectSessions } from "../../telemetry/selection.ts";
import type { Ask } from "./dialog.tsx";
import type { ServerApi } from "./server-api.ts";

export interface SessionTableProps {
  readonly sessions: readonly SessionStatus[];
  readonly filter: string;
  readonly mayOperate: boolean;
  readonly api: ServerApi;
  readonly ask: Ask;
}

/** More would not be read, and would slow the page down. */
const mostShown = 200;

/** The sessions under way, the one that has moved most first. */
export function SessionTable({ sessions, filter, mayOperate, api, ask }: SessionTableProps) {
  const found = selectSessions(sessions, filter);
  const shown = found.slice(0, mostShown);
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">
        Sessions{" "}
        <span class="quiet">
          {found.length > shown.length ? `${shown.length} of ${found.length}` : found.length}
        </span>
      </h2>
      {shown.length > 0 && (
        <div class="scroll">
          <table>
            <caption class="unseen">Sessions under way</caption>
            <thead>
              <tr>
                <th scope="col">Client</th>
                <th scope="col">Tunnel</th>
                <th scope="col">Target</th>
                <th scope="col">TLS</th>
                <th scope="col" class="number">
                  In
                </th>
                <th scope="col" class="number">
                  Out
                </th>
                <th scope="col" class="number">
                  Age
                </th>
                {mayOperate && <th scope="col">Do</th>}
              </tr>
            </thead>
            <tbody>
              {shown.map((session) => (
                <tr key={session.id}>
                  <th scope="row">
                    <code>{session.client}</code>
                  </th>
                  <td>{session.tunnel}</td>
                  <td>
                    <code>{session.target ?? "–"}</code>
                  </td>
                  <td class="wide">
                    {[session.tls?.version, session.serverName].filter(Boolean).join(" ") || "–"}
                  </td>
                  <td class="number">{formatBytes(session.bytes.in)}</td>
                  <td class="number">{formatBytes(session.bytes.out)}</td>
                  <td class="number">{formatAge(session.ageMs)}</td>
                  {mayOperate && (
                    <td>
                      <button
                        type="button"
                        aria-label={`End the session of ${session.client}`}
                        onClick={() =>
                          ask({
                            title: `End the session of ${session.client}?`,
                            text: `It is in the tunnel ${session.tunnel}, and ends at once.`,
                            confirm: "End it",
                            act: () => api.killSession(session.id),
                          })
                        }
                      >
                        End
                      </button>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
