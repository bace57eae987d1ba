/**
 * Everything that shuttle's HTTP API could do can be done with ours: each row of the table in docs/admin-api.md is a golden
 * file, asked one after the other of one program. After a deliberate change: UPDATE_GOLDEN=1.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Administered, startAdministered } from "../support/admin.ts";
import { startNamed, type TestTarget } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { requires } from "../support/requires.ts";

const folder = new URL("../golden/shuttle/", import.meta.url);
const dashes = "----------\n";

describe("shuttle's HTTP API", requires("curl"), async () => {
  const ports = new Map<string, number>();
  let program: Administered;
  const targets: TestTarget[] = [];

  before(async () => {
    targets.push(await startNamed("one"), await startNamed("two"));
    for (const [index, target] of targets.entries()) ports.set("AB"[index] ?? "", target.port);
    for (const listener of "LMN") ports.set(listener, await freePort());
    program = await startAdministered("tunnels: {}\n");
  });
  after(async () => {
    await program[Symbol.asyncDispose]();
    for (const target of targets) await target.close();
  });

  for (const file of readdirSync(folder).toSorted()) {
    const [given = "", expected = ""] = readFileSync(new URL(file, folder), "utf8").split(dashes);
    const [row = "", ...requests] = given.trim().split("\n");
    test(`${row}: ${requests[0]?.split(" {")[0]}`, async () => {
      let actual = "";
      for (const request of requests) actual += await answerTo(request);
      if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(new URL(file, folder), given + dashes + actual);
      else assert.equal(actual, expected);
    });
  }

  test("has no row that the page does not list", () => {
    const page = readFileSync(new URL("../../docs/admin-api.md", import.meta.url), "utf8");
    const listed = [...page.matchAll(/^\| `([A-Z]+ \/[^`]*)`(.*?) \| `([A-Z]+ \/\S*)`/gm)].map(
      ([, request, rest]) => request + (rest ?? ""),
    );
    const rows = readdirSync(folder).map((file) =>
      readFileSync(new URL(file, folder), "utf8").split("\n")[0]?.replace("shuttle: ", ""),
    );
    assert.deepEqual(listed.toSorted(), rows.toSorted());
  });

  async function answerTo(request: string): Promise<string> {
    const [, method = "", path = "", body] = /^(\S+) (\S+)(?: (.*))?$/.exec(filled(request)) ?? [];
    const answer = await program.ask(method, path, body === undefined ? {} : { body });
    const text = JSON.stringify(answer.body, null, 2);
    return `${answer.status} ${answer.headers["content-type"]}\n${portable(text)}\n`;
  }

  function filled(text: string): string {
    return text.replace(/\$([A-Z])/g, (_, letter: string) => String(ports.get(letter)));
  }

  function portable(text: string): string {
    let result = text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME").replace(/\\"[\w-]{22}\\"/g, "ETAG");
    for (const [letter, port] of ports) result = result.replaceAll(`:${port}`, `:$${letter}`);
    return result;
  }
});
