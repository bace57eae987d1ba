/**
 * Which way through a proxy: TLS or plain on either side; `rsa` is `tls` with an RSA certificate, `client-again` is `client`
 * with a target whose sessions can be resumed.
 */
export type Route = "tls" | "rsa" | "client" | "client-again" | "plain" | "tls-tls";

/** Decides what is counted and how large a difference must be to mean anything. */
export type Group = "bulk" | "connections" | "messages" | "idle";

export interface Workload {
  readonly name: string;
  readonly group: Group;
  readonly route: Route;
  /** What the load generator does. */
  readonly load: "download" | "upload" | "exchange" | "connect" | "idle" | "stall";
  readonly connections: number;
  /** Bytes of one message. */
  readonly message?: number;
  readonly resume?: true;
  readonly about: string;
}

/** Connections under way at a time in the connection workloads. */
const dialing = 16;

export const workloads: readonly Workload[] = [
  bulk("down1", "tls", "download", "TLS download, one connection (plain target, TLS client)"),
  bulk("up1", "tls", "upload", "TLS upload, one connection"),
  bulk("cup1", "client", "upload", "client mode upload (plain client, TLS target)"),
  bulk("pdown1", "plain", "download", "plain download, one connection"),
  bulk("ttdown1", "tls-tls", "download", "download with TLS on both sides"),
  connections("hsec", "tls", "full TLS 1.3 handshakes, P-256 certificate, one 64-byte echo each"),
  connections("hsrsa", "rsa", "the same with an RSA-2048 certificate"),
  { ...connections("hsres", "tls", "the same, resumed with a ticket"), resume: true },
  connections("chs", "client", "client mode: full handshakes with the target, its certificate verified"),
  connections("chsres", "client-again", "the same with a target that gives tickets"),
  connections("pconn", "plain", "plain connections, one 64-byte echo each"),
  messages("ping1", 1, 64, "one TLS connection, 64-byte echoes"),
  messages("ping50", 50, 64, "50 TLS connections, 64-byte echoes"),
  messages("mid", 20, 4096, "20 TLS connections, 4 KiB echoes"),
  idle("idle1000", 1000, "1,000 idle TLS connections"),
  idle("idle5000", 5000, "5,000 idle TLS connections"),
  { ...idle("stalled", 1000, "1,000 TLS clients that ask for bytes and read none"), load: "stall" },
];

/** Whether a client speaks TLS on a route. */
export function clientSpeaksTls(route: Route): boolean {
  return route !== "client" && route !== "client-again" && route !== "plain";
}

/** What one unit of work is called. */
export function unitOf(group: Group): string {
  switch (group) {
    case "bulk":
      return "MB";
    case "connections":
      return "connections";
    case "messages":
      return "messages";
    case "idle":
      return "KiB per connection";
  }
}

function bulk(name: string, route: Route, load: "download" | "upload", about: string): Workload {
  return { name, group: "bulk", route, load, connections: 1, about };
}

function connections(name: string, route: Route, about: string): Workload {
  return { name, group: "connections", route, load: "connect", connections: dialing, message: 64, about };
}

function messages(name: string, count: number, message: number, about: string): Workload {
  return { name, group: "messages", route: "tls", load: "exchange", connections: count, message, about };
}

function idle(name: string, count: number, about: string): Workload {
  return { name, group: "idle", route: "tls", load: "idle", connections: count, message: 64, about };
}
