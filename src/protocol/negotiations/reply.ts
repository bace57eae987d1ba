import type { Introduction, LinePeer } from "../../core/negotiation.ts";

/** A reply of SMTP, FTP or NNTP. */
export interface Reply {
  readonly code: string;
  readonly lines: readonly string[];
  /** As it came. */
  readonly text: string;
}

/** Reads a reply of one or more lines (RFC 5321 section 4.2.1, RFC 959 section 4.2). */
export async function readReply(peer: LinePeer): Promise<Reply> {
  const lines = [await peer.readLine()];
  const code = lines[0]?.slice(0, 3) ?? "";
  const isLast = (line: string) => line.startsWith(code) && line[3] !== "-";
  for (let line = lines[0] ?? ""; lines[0]?.[3] === "-" && !isLast(line); ) {
    line = await peer.readLine();
    lines.push(line);
  }
  return { code, lines, text: lines.map((line) => `${line}\r\n`).join("") };
}

/**
 * The target greets, but the client has been greeted before TLS and would take a second greeting for the answer to
 * its first command. A target that does not want it answers in its place, which the protocols allow.
 */
export function swallowReply(...welcome: readonly string[]): Introduction {
  return {
    connected: async (target) => {
      const greeting = await readReply(target);
      if (!welcome.includes(greeting.code)) target.unread(greeting.text);
    },
  };
}
