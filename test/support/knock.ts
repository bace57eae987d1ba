/** Clients that come from an address of their choice and stay: for tests of who is let in, and when. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Address, formatAddress } from "../../src/core/address.ts";
import { connectOptions } from "./visit.ts";

export interface KnockOptions {
  /** The client's own address; all of 127.0.0.0/8 is this machine. */
  readonly from?: string;
  /** Sent at once; it must make an echo answer. */
  readonly say?: string;
}

export interface Knock extends Disposable {
  readonly socket: Socket;
  /** The client's address, as the log has it. */
  readonly client: string;
  /** What comes of it: `in` when an echo has answered, `out` when the connection is closed before. */
  readonly verdict: Promise<"in" | "out">;
}

/** Connects to a tunnel in front of an echo. Resolves when the kernel has accepted, whatever the program does then. */
export async function knock(to: Address | number, { from, say = "x" }: KnockOptions = {}): Promise<Knock> {
  const where = connectOptions(to);
  const socket = connect(from === undefined ? where : { ...where, localAddress: from });
  let failed = false;
  socket.on("error", () => {
    failed = true;
  });
  const verdict = new Promise<"in" | "out">((resolve) => {
    socket.once("data", () => resolve("in"));
    socket.once("end", () => socket.destroy());
    socket.once("close", () => resolve("out"));
  });
  await Promise.race([once(socket, "connect"), verdict]);
  const { localAddress: host = "", localPort: port = 0 } = socket;
  if (!failed && say !== "") socket.write(say);
  return {
    socket,
    client: formatAddress({ kind: "tcp", host, port }),
    verdict,
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Closes a client; resolves when its side of the connection is gone. */
export async function leave({ socket }: Knock): Promise<void> {
  if (socket.closed) return;
  const closed = once(socket, "close");
  socket.destroy();
  await closed;
}
