// Everything that is read before TLS or the relay goes through one reader. What it may not do: wait for ever, keep bytes that
// belong to whoever comes next, or leave a listener behind.
import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { SessionError } from "../../../src/core/outcome.ts";
import type { Parsed } from "../../../src/core/parsed.ts";
import { Session } from "../../../src/core/session.ts";
import { readParsed } from "../../../src/net/byte-reader.ts";

const nowhere = { kind: "unix", path: "" } as const;
const hour = 3_600_000;

/** A length in one byte, and as many bytes. */
function parsePiece(bytes: Buffer): Parsed<string> {
  const length = 1 + (bytes[0] ?? 0);
  if (bytes[0] === 255) return { kind: "bad", reason: "the length is 255" };
  if (bytes.length < length) return { kind: "more", atLeast: length };
  return { kind: "value", value: bytes.toString("latin1", 1, length), length };
}

function setUp({ limit = 100, within = hour } = {}) {
  const session = new Session({ tunnel: "test", client: nowhere, local: nowhere });
  const [stream, peer] = duplexPair();
  const read = () =>
    readParsed(session, stream, {
      what: "piece",
      parse: parsePiece,
      limit,
      endsAt: performance.now() + within,
    });
  return { session, stream, peer, read };
}

async function failure(reading: Promise<unknown>): Promise<SessionError> {
  const error = await reading.then(
    () => assert.fail("it was read"),
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof SessionError);
  return error;
}

/** Of ours; Node has one for "end" of its own. */
function listeners(stream: Duplex): number {
  return stream.listenerCount("readable") + stream.listenerCount("close");
}

describe("the byte reader", () => {
  const bytes = Buffer.from("\x05hello\x05worldrest", "latin1");

  it("finds the same pieces and leaves the same rest, wherever the bytes are cut", async () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      const { stream, peer, read, session } = setUp();
      peer.write(bytes.subarray(0, cut));
      const first = read();
      await turn();
      peer.end(bytes.subarray(cut));
      assert.deepEqual([await first, await read()], ["hello", "world"], `cut at ${cut}`);

      assert.deepEqual([listeners(stream), session.interrupt], [0, undefined]);
      const rest = (await stream.toArray()) as Buffer[];
      assert.equal(`${Buffer.concat(rest)}`, "rest", `cut at ${cut}`);
    }
  });

  it("takes a byte at a time, and hands on what flows from then on", async () => {
    const { stream, peer, read } = setUp();
    const reading = read();
    for (const byte of bytes.subarray(0, 6)) {
      peer.write(Buffer.of(byte));
      await turn();
    }
    assert.equal(await reading, "hello");
    const received = new Promise((resolve) => stream.once("data", resolve));
    stream.resume();
    peer.write("later");
    assert.equal(`${await received}`, "later");
  });

  it("asks the parser again only once there is as much as it wants", async () => {
    const { session, stream, peer } = setUp();
    let asked = 0;
    const parse = (seen: Buffer) => {
      asked++;
      return parsePiece(seen);
    };
    const reading = readParsed(session, stream, {
      what: "piece",
      parse,
      limit: 100,
      endsAt: performance.now() + hour,
    });
    for (const byte of Buffer.from(`\x32${"x".repeat(50)}`, "latin1")) {
      peer.write(Buffer.of(byte));
      await turn();
    }
    assert.equal((await reading).length, 50);
    assert.equal(asked, 2);
  });

  it("fails when the peer leaves early, and says when", async () => {
    const silent = setUp();
    silent.peer.end();
    assert.equal((await failure(silent.read())).message, "the peer left without sending a piece");
    assert.equal((await failure(silent.read())).message, "the peer left without sending a piece");
    const early = setUp();
    early.peer.end(bytes.subarray(0, 3));
    const error = await failure(early.read());
    assert.deepEqual(
      [error.message, error.outcome],
      ["the peer left in the middle of the piece", "bad-preamble"],
    );
    const gone = setUp();
    const reading = gone.read();
    gone.stream.destroy();
    assert.equal((await failure(reading)).outcome, "bad-preamble");
  });

  it("fails when the bytes are wrong or too many", async () => {
    const wrong = setUp();
    wrong.peer.write(Buffer.of(255));
    assert.equal((await failure(wrong.read())).message, "piece: the length is 255");
    const long = setUp({ limit: 10 });
    long.peer.write(Buffer.of(10));
    assert.equal((await failure(long.read())).message, "piece: longer than 10 bytes");
  });

  it("ends at its deadline, however steadily bytes come", async () => {
    const { stream, peer, read, session } = setUp({ limit: 250, within: 50 });
    const reading = failure(read());
    peer.write(Buffer.of(200));
    const dribble = setInterval(() => peer.write("x"), 5);
    const error = await reading;
    clearInterval(dribble);
    assert.deepEqual([error.outcome, error.label], ["bad-preamble", "timeout"]);
    assert.deepEqual([listeners(stream), session.interrupt], [0, undefined]);
  });

  it("ends when the session is aborted, before or meanwhile", async () => {
    const { session, read } = setUp();
    const reading = failure(read());
    session.abort("killed", "by the operator");
    assert.equal((await reading).outcome, "killed");
    assert.equal((await failure(read())).outcome, "killed");
  });
});
