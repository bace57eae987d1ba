import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  capabilitiesOf,
  capability,
  greeting,
  headLength,
  parseGreeting,
  parseResponse,
  responsePayload,
  withCapabilities,
} from "../../../src/protocol/mysql-packet.ts";

const all =
  capability.protocol41 |
  capability.pluginAuth |
  capability.secureConnection |
  capability.connectWithDatabase |
  capability.connectAttributes;

suite("packets of MySQL", () => {
  test("a greeting says what it was made of", () => {
    const made = { version: "10.11.0-MariaDB", capabilities: 0x01ff_ffff };
    assert.deepEqual(parseGreeting(greeting(made)), made);
  });

  test("a response for a target has all of the client's but its answer to our salt", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "ä", "_", " "), maxLength: 40 });
    fc.assert(
      fc.property(text, text, fc.uint8Array({ maxLength: 300 }), (user, database, attributes) => {
        const head = withCapabilities(Buffer.alloc(headLength), all);
        const parts = { head, user: Buffer.from(user), database: Buffer.from(database) };
        const response = parseResponse(
          responsePayload({ ...parts, attributes: Buffer.from(attributes) }, all),
        );
        assert.equal(response?.user.toString(), user);
        assert.equal(response?.database?.toString(), database);
        assert.deepEqual([...(response?.attributes ?? [])], [...attributes]);
        assert.equal(capabilitiesOf(response?.head ?? Buffer.alloc(4)), all);
      }),
    );
  });

  test("nothing that a peer sends is worse than no greeting and no response", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, plausible) => {
        const payload = Buffer.from(bytes);
        if (plausible && payload.length > headLength) withCapabilities(payload, all).copy(payload);
        const [greeted, response] = [parseGreeting(payload), parseResponse(payload)];
        assert.ok(greeted === undefined || greeted.version.length < payload.length);
        assert.ok(response === undefined || response.user.length < payload.length);
      }),
      { numRuns: 500 },
    );
  });
});
