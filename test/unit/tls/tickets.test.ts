/** Who may resume what follows from these keys: equal where workers share a frontend, different wherever trust differs. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it, mock } from "node:test";
import {
  rotateTicketKeys,
  rotationInterval,
  sessionIdContext,
  ticketKeys,
} from "../../../src/tls/tickets.ts";

const scope = { secret: randomBytes(32), trust: "frontend a" };
const now = 1_800_000_000_000;
const startOfEpoch = Math.floor(now / rotationInterval) * rotationInterval;

describe("ticket keys", () => {
  it("are the same for the same scope and time, in every process that has the secret", () => {
    assert.equal(ticketKeys(scope, now).length, 48);
    assert.deepEqual(ticketKeys(scope, now), ticketKeys({ ...scope }, now));
    assert.deepEqual(ticketKeys(scope, startOfEpoch), ticketKeys(scope, startOfEpoch + rotationInterval - 1));
  });

  it("differ with the secret, with the trust and with the time, in each of their three parts", () => {
    const others = [
      ticketKeys({ ...scope, secret: randomBytes(32) }, now),
      ticketKeys({ ...scope, trust: "frontend b" }, now),
      ticketKeys(scope, now + rotationInterval),
    ];
    const own = ticketKeys(scope, now);
    for (const other of others)
      for (const start of [0, 16, 32])
        assert.notDeepEqual(other.subarray(start, start + 16), own.subarray(start, start + 16));
  });

  it("are changed at least every day, and never live for more than seven (RFC 8446)", () => {
    assert.ok(rotationInterval <= 86_400_000);
  });
});

const minute = 60_000;

/** Timers that are due see the time at the end of a tick. */
function passMinutes(count: number): void {
  for (let passed = 0; passed < count; passed++) mock.timers.tick(minute);
}

describe("the rotation of ticket keys", () => {
  it("takes place when their time has come, in every process at once, however long each has run", () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: startOfEpoch + 1000 });
    try {
      const used: { readonly at: number; readonly keys: Buffer }[] = [];
      const start = () => rotateTicketKeys(scope, (keys) => used.push({ at: Date.now(), keys }));
      const stops = [start()];
      passMinutes(rotationInterval / 3 / minute);
      stops.push(start());
      assert.equal(used.length, 0);
      passMinutes(rotationInterval / minute);
      assert.equal(used.length, 2);
      for (const { at, keys } of used) {
        assert.ok(at - (startOfEpoch + rotationInterval) <= minute, "late");
        assert.deepEqual(keys, ticketKeys(scope, startOfEpoch + rotationInterval));
      }
      for (const stop of stops) stop();
      mock.timers.tick(3 * rotationInterval);
      assert.equal(used.length, 2);
    } finally {
      mock.timers.reset();
    }
  });

  it("follows a clock that was set", () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: startOfEpoch + 1000 });
    try {
      let used = 0;
      const stop = rotateTicketKeys(scope, () => used++);
      mock.timers.setTime(startOfEpoch + 5 * rotationInterval);
      mock.timers.tick(3_600_000);
      assert.equal(used, 1);
      stop();
    } finally {
      mock.timers.reset();
    }
  });
});

describe("the session id context", () => {
  it("fits what OpenSSL takes and differs with the trust", () => {
    const context = sessionIdContext(scope);
    assert.ok(Buffer.byteLength(context) <= 32);
    assert.equal(sessionIdContext({ ...scope, secret: randomBytes(32) }), context);
    assert.notEqual(sessionIdContext({ ...scope, trust: "frontend b" }), context);
  });
});
