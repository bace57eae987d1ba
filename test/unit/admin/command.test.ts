// Equilibria's commands, in every form that its branches read.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Command, parseCommand } from "../../../src/admin/lines/command.ts";
import { listenerPlace, targetPlace } from "../../../src/admin/lines/places.ts";

const add = (listener: string, ...targets: string[]): Command => ({ verb: "add", listener, targets });
const remove = (kill: boolean, listener: string, ...targets: string[]): Command => ({
  ...{ verb: "remove", listener, targets, kill },
});

const cases: [string, Command][] = [
  ["help", { verb: "help" }],
  ["  STATUS \r", { verb: "status" }],
  ["add 80 10.0.0.1:80", add("80", "10.0.0.1:80")],
  ["ADD 80 a:1,b:2", add("80", "a:1", "b:2")],
  ["add 80>>>a:1,b:2", add("80", "a:1", "b:2")],
  ["add [::1]:80@a", add("[::1]:80", "a")],
  ["add run/x.sock <= a:1", add("run/x.sock", "a:1")],
  ["add", { verb: "wrong", reply: "ERR:  Unable to add listener." }],
  ["add 80", { verb: "wrong", reply: "ERR:  Unable to add target." }],
  ["del 80 a:1", remove(true, "80", "a:1")],
  ["Delete 80", remove(true, "80")],
  ["rm 80 a:1 b:2", remove(true, "80", "a:1", "b:2")],
  ["remove 80", remove(true, "80")],
  ["drain 80 a:1", remove(false, "80", "a:1")],
  ["set 80 a:1 Draining", { verb: "set", listener: "80", target: "a:1", change: { admin: "draining" } }],
  ["set 80 a:1 weight 5", { verb: "set", listener: "80", target: "a:1", change: { weight: 5 } }],
  ["set 80 a:1 weight default", { verb: "set", listener: "80", target: "a:1", change: { weight: null } }],
  ["examine", { verb: "examine", listener: undefined }],
  ["exit", { verb: "quit" }],
  ["chaos", { verb: "wrong", reply: 'Unrecognized command "chaos"' }],
  ["status now", { verb: "wrong", reply: 'Unrecognized command "status now"' }],
  ["a\u001b[31mb", { verb: "wrong", reply: 'Unrecognized command "a\ufffd[31mb"' }],
];

describe("the line protocol", () => {
  for (const [text, command] of cases)
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseCommand(text), command));

  it("reads addresses as Equilibria wrote them", () => {
    const shown = (text: string) => {
      const { text: full, shown: brief } = listenerPlace(text, "/etc");
      return [full, brief];
    };
    assert.deepEqual(shown("80"), ["0.0.0.0:80", "80"]);
    assert.deepEqual(shown("127.0.0.1:80"), ["127.0.0.1:80", "127.0.0.1:80"]);
    assert.deepEqual(shown("[::1]:80"), ["[::1]:80", "[::1]:80"]);
    assert.deepEqual(shown("run/x.sock"), ["unix:/etc/run/x.sock", "/etc/run/x.sock"]);
    assert.deepEqual(shown("/run/x.sock"), ["unix:/run/x.sock", "/run/x.sock"]);
    const listener = listenerPlace("80", "/etc").address;
    const target = (text: string) => targetPlace(text, listener, "/etc").text;
    assert.deepEqual(["10.0.0.1", "db.example.com", "[::1]", "a:1", "81", "./x.sock"].map(target), [
      "10.0.0.1:80",
      "db.example.com:80",
      "[::1]:80",
      "a:1",
      "127.0.0.1:81",
      "unix:/etc/x.sock",
    ]);
    assert.throws(() => listenerPlace("nonsense", "/etc"), RangeError);
  });
});
