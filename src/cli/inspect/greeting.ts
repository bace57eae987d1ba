import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Dialogue } from "./dialogue.ts";
import { isFailure, type Peer, withPeer } from "./peer.ts";

/** What a peer speaks that does not speak TLS at once. */
export interface Greeting {
  /** Its name; undefined when it is none that is known. */
  readonly protocol: string | undefined;
  /** The negotiation that would bring it to TLS; undefined where there is none. */
  readonly starttls: string | undefined;
  /** Its first line, cut; empty when it says nothing by itself. */
  readonly text: string;
}

/** Milliseconds that a peer gets to greet. */
const patience = 1500;
const longestText = 120;

const known: readonly { readonly protocol: string; readonly starttls?: string; readonly begins: RegExp }[] = [
  { protocol: "SSH", begins: /^SSH-/ },
  { protocol: "FTP", starttls: "ftp", begins: /^220[ -].*ftp/i },
  { protocol: "SMTP", starttls: "smtp", begins: /^220[ -].*smtp/i },
  { protocol: "IMAP", starttls: "imap", begins: /^\* (OK|PREAUTH)/i },
  { protocol: "POP3", starttls: "pop3", begins: /^\+OK/ },
  { protocol: "NNTP", starttls: "nntp", begins: /^20[01][ -]/ },
  { protocol: "ManageSieve", starttls: "sieve", begins: /^"(IMPLEMENTATION|SIEVE)"/i },
  { protocol: "VNC", begins: /^RFB \d/ },
  { protocol: "rsync", begins: /^@RSYNCD:/ },
  { protocol: "MySQL", starttls: "mysql", begins: /^[\s\S]{3}\0(\n|\xff)/ },
  { protocol: "Redis", begins: /^-(ERR|NOAUTH|DENIED)/ },
  { protocol: "HTTP", begins: /^HTTP\/1/ },
];

/** Looks at what the peer says in plain text: by itself, and else to questions. */
export async function listenTo(peer: Peer, dialogue: Dialogue): Promise<Greeting | undefined> {
  const plain: Peer = { ...peer, negotiation: undefined };
  const heard = await withPeer(plain, async ({ socket }) => {
    const greeting = await firstBytes(socket);
    if (greeting !== "") return { text: greeting };
    socket.write("HEAD / HTTP/1.0\r\n\r\n");
    return { text: await firstBytes(socket) };
  });
  if (isFailure(heard) && heard.isLate !== true) return undefined;
  const text = isFailure(heard) ? "" : heard.text;
  const [line = ""] = text.split(/\r?\n/);
  const said = line.slice(0, longestText);
  const found = known.find(({ begins }) => begins.test(text));
  if (text !== "" && found) return { protocol: found.protocol, starttls: found.starttls, text: said };
  const name = await agreesTo(peer, text === "" ? clientSpeaksFirst : mayGreetAlike, dialogue);
  return { protocol: name && (protocolNames[name] ?? name), starttls: name, text: said };
}

const clientSpeaksFirst = ["pgsql", "ldap", "xmpp"];
/** A greeting that begins with 220 may be either's. */
const mayGreetAlike = ["smtp", "ftp"];
const protocolNames: Readonly<Record<string, string>> = {
  ...{ pgsql: "PostgreSQL", ldap: "LDAP", xmpp: "XMPP", smtp: "SMTP", ftp: "FTP" },
};

/** Tries dialogues that the peer may be up to. */
async function agreesTo(
  peer: Peer,
  names: readonly string[],
  dialogue: Dialogue,
): Promise<string | undefined> {
  const timeout = Math.min(peer.timeout, patience);
  for (const name of names) {
    const negotiation = await dialogue(name);
    const tried = await withPeer({ ...peer, negotiation, timeout }, async () => ({}));
    if (!isFailure(tried)) return name;
    if (tried.step === "connect") return undefined;
  }
  return undefined;
}

async function firstBytes(socket: Socket): Promise<string> {
  const controller = new AbortController();
  const { signal } = controller;
  try {
    const said = once(socket, "data", { signal }).then(
      ([bytes]: Buffer[]) => bytes?.toString("latin1") ?? "",
      () => "",
    );
    const ended = once(socket, "end", { signal }).then(
      () => "",
      () => "",
    );
    return await Promise.race([said, ended, delay(patience, "", { signal }).catch(() => "")]);
  } finally {
    controller.abort();
  }
}
