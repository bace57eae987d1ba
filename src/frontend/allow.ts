import { formatAddress } from "../core/address.ts";
import type { NetworkList } from "../core/network.ts";
import { SessionError } from "../core/outcome.ts";
import type { Stage } from "../core/stage.ts";

export interface AllowOptions {
  /** Everybody, where it is absent. */
  readonly allow?: NetworkList | undefined;
  /** Checked first. */
  readonly deny?: NetworkList | undefined;
}

/** A preamble stage that lets in only clients of the right networks, by the address that the session has by then. */
export function allowClients({ allow, deny }: AllowOptions): Stage {
  return async (session, stream) => {
    const { client, local } = session;
    // a TCP client that has left already has no address any more, and must not pass for one of a unix socket
    if (client.kind !== local.kind) throw new SessionError("client-reset", "the client left");
    if (deny?.touches(client)) throw refusal(`${formatAddress(client)} is in a network that is denied`);
    if (allow && !allow.contains(client))
      throw refusal(`${formatAddress(client)} is in no network that is allowed`);
    return stream;
  };
}

function refusal(message: string): SessionError {
  return new SessionError("refused", message, { label: "network" });
}
