// Every dialogue before TLS goes through this reader: what it lets through in time or in bytes, all protocols let through.
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";
import { SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import { StreamPeer } from "../../../src/net/line-peer.ts";

const address = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;
const newSession = () => new Session({ tunnel: "test", client: address, local: address });

function pair(options: Partial<ConstructorParameters<typeof StreamPeer>[1]> = {}) {
  const [near, far] = duplexPair();
  return { far, near, peer: new StreamPeer(near, { who: "client", ...options }) };
}

const bad = (label: string) => (error: unknown) =>
  error instanceof SessionError && error.outcome === "bad-preamble" && error.label === label;

describe("the other end of a dialogue", () => {
  it("is read line by line and byte by byte, however it comes", async () => {
    const { far, peer } = pair();
    for (const byte of Buffer.from("one\r\ntwo\nxyz")) far.write(Buffer.from([byte]));
    assert.equal(await peer.readLine(), "one");
    assert.equal(await peer.readLine(), "two");
    assert.equal((await peer.read(2)).toString(), "xy");
    assert.equal(await peer.peek(), 0x7a);
    assert.equal((await peer.read(1)).toString(), "z");
    assert.equal(await peer.peek(1), undefined);
  });

  it("may not send a line without end", async () => {
    const { far, peer } = pair({ longestLine: 100 });
    far.write("x".repeat(101));
    await assert.rejects(peer.readLine(), bad("malformed"));
  });

  it("may not send lines without end", async () => {
    const { far, peer } = pair({ most: 1000 });
    const flood = setInterval(() => far.write("NOOP\r\n".repeat(50)), 1);
    try {
      await assert.rejects(async () => {
        for (;;) await peer.readLine();
      }, bad("malformed"));
    } finally {
      clearInterval(flood);
    }
  });

  it("has one deadline for all that it says, and dribbling does not extend it", async () => {
    const { far, peer } = pair({ endsAt: performance.now() + 100 });
    const dribble = setInterval(() => far.write("a\n"), 5);
    try {
      await assert.rejects(async () => {
        for (;;) await peer.readLine();
      }, bad("timeout"));
    } finally {
      clearInterval(dribble);
    }
  });

  it("that leaves ends the wait", async () => {
    const { far, peer } = pair();
    far.end("half");
    await assert.rejects(peer.readLine(), bad("incomplete"));
    await assert.rejects(peer.readLine(), bad("incomplete"));
  });

  it("is not waited for when the session is aborted", async () => {
    const session = newSession();
    const { peer } = pair({ session });
    const line = peer.readLine();
    session.abort("killed", "by a test");
    await assert.rejects(
      line,
      (error: unknown) => error instanceof SessionError && error.outcome === "killed",
    );
    await assert.rejects(peer.readLine(), /by a test/);
  });

  it("is not waited for alone: what else is waited for has the same deadline", async () => {
    const { peer } = pair({ endsAt: performance.now() + 50 });
    const forever = new Promise<never>(() => {});
    await assert.rejects(peer.during(forever, "looking it up"), /looking it up has taken too long/);
    const { peer: other } = pair();
    assert.equal(await other.during(Promise.resolve(7), "it"), 7);
    await assert.rejects(other.during(Promise.reject(new Error("no such name")), "it"), /no such name/);
  });

  it("ends every wait when it leaves, and the session does when it is aborted", async () => {
    const { near, peer } = pair();
    const left = peer.during(new Promise<never>(() => {}), "it");
    near.destroy();
    await assert.rejects(left, bad("incomplete"));
    const session = newSession();
    const { peer: other } = pair({ session });
    const aborted = other.during(new Promise<never>(() => {}), "it");
    session.abort("killed", "by a test");
    await assert.rejects(aborted, /by a test/);
  });

  it("must not have said more where TLS begins, and is not answered then", async () => {
    const { far, peer } = pair();
    far.write("STARTTLS\r\nMAIL FROM:<x>\r\n");
    assert.equal(await peer.readLine(), "STARTTLS");
    await assert.rejects(peer.release("220 Go\r\n"), bad("plaintext"));
    assert.equal(far.read(), null);
  });

  it("is answered last where it has said no more; nothing of ours stays on the stream", async () => {
    const { far, near, peer } = pair();
    far.write("STARTTLS\r\n");
    await peer.readLine();
    await peer.release("220 Go\r\n");
    assert.equal(String(far.read()), "220 Go\r\n");
    for (const event of ["readable", "end", "close"]) assert.equal(near.listenerCount(event), 0);
  });

  it("leaves what follows to the next owner where plain bytes may", async () => {
    const { far, near, peer } = pair();
    far.write("CONNECT\r\npayload");
    await peer.readLine();
    peer.handOver();
    assert.equal(String(near.read()), "payload");
  });
});
