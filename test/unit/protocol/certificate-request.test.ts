/** A peer that is inspected may send anything: what is asked for is read where it is whole, and nowhere else. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { requestedAuthorities } from "../../../src/protocol/certificate-request.ts";

const names = [Buffer.from("one"), Buffer.from("another")];
const request = message(13, [
  vector(1, "\x01\x40"),
  vector(2, "\x04\x03"),
  vector(2, ...names.map((name) => vector(2, name))),
]);
const flight = Buffer.concat([
  message(2, ["hello"]),
  message(11, ["certificates"]),
  request,
  message(14, []),
]);

suite("the authorities that a server asks for", () => {
  test("are read from records of any length, up to the first that is secret", () => {
    for (const size of [1, 7, flight.length])
      assert.deepEqual(
        requestedAuthorities(Buffer.concat([...records(flight, size), Buffer.of(20, 3, 3, 0, 1, 1)])),
        names,
      );
  });

  test("are none when any will do, and undefined when no certificate is asked for", () => {
    const any = message(13, [vector(1, "\x01"), vector(2, "\x04\x03"), vector(2)]);
    assert.deepEqual(requestedAuthorities(Buffer.concat(records(any, 100))), []);
    assert.equal(requestedAuthorities(Buffer.concat(records(message(2, ["hello"]), 100))), undefined);
  });

  test("are undefined in whatever is cut off or out of shape", () => {
    const whole = Buffer.concat(records(flight, 20));
    const enough = Buffer.concat(records(flight.subarray(0, flight.length - 4), 20)).length;
    for (let length = 0; length < enough; length++)
      assert.equal(requestedAuthorities(whole.subarray(0, length)), undefined, `${length}`);
    for (let place = 0; place < whole.length; place++)
      for (const value of [0, 1, 127, 255]) requestedAuthorities(Buffer.from(whole.with(place, value)));
  });
});

function vector(size: number, ...parts: readonly (string | Buffer)[]): Buffer {
  const contents = Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1")));
  const length = Buffer.alloc(size);
  length.writeUIntBE(contents.length, 0, size);
  return Buffer.concat([length, contents]);
}

function message(type: number, parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([Buffer.of(type), vector(3, ...parts)]);
}

function records(bytes: Buffer, size: number): readonly Buffer[] {
  const starts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => index * size);
  return starts.map((start) =>
    Buffer.concat([Buffer.of(22, 3, 3), vector(2, bytes.subarray(start, start + size))]),
  );
}
