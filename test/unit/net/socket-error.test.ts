/** What a log says about a broken connection: words for people, the code for a search. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { describeSocketError, errorCode } from "../../../src/net/socket-error.ts";
import { freePort } from "../../support/ports.ts";

const coded = (code: string, message = `connect ${code} 10.0.0.1:80`) =>
  Object.assign(new Error(message), { code });

describe("an error of a socket", () => {
  it("is told in words, its code behind them", () => {
    assert.equal(describeSocketError(coded("ECONNREFUSED")), "connection refused (ECONNREFUSED)");
    assert.equal(describeSocketError(coded("EPIPE")), "connection reset by peer (EPIPE)");
    assert.equal(describeSocketError(coded("EMFILE")), "out of file descriptors (EMFILE)");
  });

  it("whose code is unknown keeps its message", () => {
    assert.equal(describeSocketError(coded("EODD", "odd things happen")), "odd things happen");
    assert.equal(describeSocketError(new Error("no code")), "no code");
    assert.equal(describeSocketError("text"), "text");
    assert.equal(describeSocketError(undefined), "undefined");
  });

  it("of several addresses names each reason once", () => {
    const errors = [coded("ECONNREFUSED"), coded("ENETUNREACH"), coded("ECONNREFUSED")];
    assert.equal(
      describeSocketError(new AggregateError(errors)),
      "connection refused (ECONNREFUSED); network unreachable (ENETUNREACH)",
    );
  });

  it("of a name that stands for several addresses is one of these", async () => {
    const socket = connect({ host: "localhost", port: await freePort() });
    const [error] = await once(socket, "error").then(
      (all) => all,
      (thrown: unknown) => [thrown],
    );
    assert.equal(describeSocketError(error), "connection refused (ECONNREFUSED)");
  });

  it("has a code only when it is text", () => {
    assert.equal(errorCode(coded("ENOENT")), "ENOENT");
    for (const other of [new Error("x"), { code: 5 }, null, undefined, "ENOENT"])
      assert.equal(errorCode(other), undefined);
  });
});
