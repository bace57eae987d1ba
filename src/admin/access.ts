import { isIP } from "node:net";
import { Refusal } from "./refusal.ts";
import type { Role } from "./role.ts";
import type { Tokens } from "./tokens.ts";

/** Who asks, as far as is known. */
export interface Caller {
  /** `unix`, or the address of the peer. */
  readonly peer: string;
  /** Of the token or the certificate; undefined on the control socket. */
  readonly name: string | undefined;
  readonly role: Role;
}

/** The facts about a connection. */
export interface Connection {
  readonly peer: string;
  /** The subject of the client certificate that was verified. */
  readonly subject: string | undefined;
  readonly secure: boolean;
}

/** What of a request its admission depends on. */
export interface Asking {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

/** The rules of one way in. */
export interface Entrance {
  /** @throws Refusal when a page of somebody else may have sent the request */
  admit(asking: Asking, connection: Connection): void;
  /** @throws Refusal when it is not known who asks */
  identify(asking: Asking, connection: Connection): Caller;
}

/** Whoever can open the control socket may do everything: its permissions are the only check (unix(7)). */
export const controlSocket: Entrance = {
  admit: ({ origin }) => {
    if (origin !== undefined) throw foreign(origin);
  },
  identify: (_, { peer }) => ({ peer, name: undefined, role: "admin" }),
};

export interface TcpRules {
  readonly tokens: Tokens;
  /** Of a caller without a token, for whom a certificate speaks. */
  readonly role: Role | undefined;
  /** Lower case. */
  readonly hosts: ReadonlySet<string>;
  readonly origins: ReadonlySet<string>;
}

export function tcpEntrance({ tokens, role, hosts, origins }: TcpRules): Entrance {
  return {
    admit: ({ host = "", origin }, { secure }) => {
      // a page whose own name was made to resolve to us (DNS rebinding) sends that name; an IP address it cannot rebind
      const name = hostName(host);
      if (name === undefined || !(isIP(name) !== 0 || name === "localhost" || hosts.has(name)))
        throw new Refusal(
          421,
          "host",
          `the Host ${JSON.stringify(host.slice(0, 100))} is not expected here; list it under admin.http.hosts`,
        );
      if (origin === undefined || origins.has(origin)) return;
      // the Host is ours, so this is a page that came from here
      if (origin !== `${secure ? "https" : "http"}://${host}`) throw foreign(origin);
    },
    identify: ({ authorization }, { peer, subject }) => {
      if (authorization === undefined) {
        if (role !== undefined && subject !== undefined) return { peer, name: subject, role };
        throw new Refusal(401, "token", "send Authorization: Bearer TOKEN");
      }
      const token = /^Bearer ([^\s]{1,1024})$/i.exec(authorization)?.[1];
      const bearer = token === undefined ? undefined : tokens.bearerOf(token);
      if (!bearer) throw new Refusal(401, "token", "the token is not known");
      return { peer, ...bearer };
    },
  };
}

function foreign(origin: string): Refusal {
  return new Refusal(
    403,
    "origin",
    `the web page ${JSON.stringify(origin.slice(0, 100))} may not ask; list it under admin.http.origins`,
  );
}

/** Lower case, without port and brackets; undefined when it is none. */
function hostName(host: string): string | undefined {
  const [, bracketed, plain] =
    /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]{1,253}?)\.?)(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

/** Who asked, for the log: `ops (127.0.0.1:50022)`, or `unix`. */
export function callerText(caller: Caller | undefined): string {
  if (!caller) return "nobody";
  return caller.name === undefined ? caller.peer : `${caller.name} (${caller.peer})`;
}
