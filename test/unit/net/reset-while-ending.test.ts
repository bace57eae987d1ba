/**
 * libuv refuses to reset a connection while its end is being sent (uv_tcp_close_reset: EINVAL), and Node then forgets the handle
 * without closing it: the descriptor stays open until the process ends. A session that is aborted just as it ends did that.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { TLSSocket, connect as tlsConnect } from "node:tls";
import { carriedBy, reset } from "../../../src/net/transport.ts";
import { testAuthority } from "../../support/certificates.ts";

const { chain: cert, key } = testAuthority().issue();

test("a TCP stream that is reset while it ends is closed", async () => {
  await using pair = await connected();
  const { near, far } = pair;
  const closed = closedDescriptor(near);
  near.end("last words");
  // the words are with the kernel now, the end is not
  await new Promise(process.nextTick);
  reset(near);
  await closed;
  await once(far.resume(), "end");
});

test("a TLS stream that is reset while it ends is closed", async () => {
  await using pair = await connected();
  const { near, far } = pair;
  const client = tlsConnect({ socket: far, rejectUnauthorized: false });
  client.on("error", () => {});
  const secure = carriedBy(new TLSSocket(near, { isServer: true, cert, key }), near);
  await Promise.all([once(client, "secureConnect"), once(secure, "secure")]);
  const closed = closedDescriptor(near);
  secure.end("last words");
  while (secure.writableLength > 0) await new Promise(setImmediate);
  reset(secure);
  await closed;
});

/** Resolves when the descriptor of `socket` is closed, or belongs to something else. */
async function closedDescriptor(socket: Socket): Promise<void> {
  const { fd } = (socket as Socket & { _handle: { fd: number } })._handle;
  const link = linkOf(fd);
  assert.match(link ?? "", /^socket:/);
  await once(socket, "close");
  while (linkOf(fd) === link) await new Promise(setImmediate);
}

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

async function connected(): Promise<{ near: Socket; far: Socket } & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const far = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const [[near]] = await Promise.all([accepted, once(far, "connect")]);
  for (const socket of [near, far]) socket.on("error", () => {});
  return {
    near,
    far,
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      far.destroy();
      server.close();
    },
  };
}
