import { SessionError } from "../core/outcome.ts";
import type { Handler } from "../core/stage.ts";

export interface RefuseOptions {
  /** Whether TLS is all that anybody speaks here. */
  readonly onlyTls: boolean;
}

/** RFC 6066, 3: a fatal alert `unrecognized_name` in a record of its own, which any version of TLS understands. */
const unrecognizedName = Buffer.from([21, 3, 1, 0, 2, 2, 112]);

/** Ends sessions that no route is for; a TLS client is told so. */
export function refuse({ onlyTls }: RefuseOptions): Handler {
  return {
    serve: async ({ opening }, client) => {
      if (opening?.protocol === "tls") {
        client.write(unrecognizedName);
        const { serverName } = opening;
        const whom =
          serverName === undefined ? "a client that names no server" : `the server name ${serverName}`;
        throw new SessionError("no-route", `there is no route for ${whom}`);
      }
      if (!opening || !onlyTls) throw new SessionError("no-route", "there is no route for the client");
      throw plaintext(opening.protocol);
    },
  };
}

/** What is left to say to a client that speaks in the clear where TLS is expected. */
function plaintext(protocol: string): SessionError {
  const spoken = protocol === "other" ? "something else" : protocol;
  return new SessionError(
    "handshake-failed",
    `the client speaks ${spoken} in the clear where TLS is expected`,
    {
      label: "plaintext",
    },
  );
}
