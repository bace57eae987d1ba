// Who gets in over TCP, and which web pages do not.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { type Asking, tcpEntrance } from "../../../src/admin/access.ts";
import { Refusal } from "../../../src/admin/refusal.ts";
import { readTokens } from "../../../src/admin/tokens.ts";
import { writeFiles } from "../../support/certificates.ts";

const strong = "q7mV0b3oT2xJ9dK5sL8wZg";
const plain = { peer: "10.0.0.9:4000", subject: undefined, secure: false };
const asking = (given: Partial<Asking>): Asking => ({
  ...{ host: "127.0.0.1:9090", origin: undefined, authorization: undefined },
  ...given,
});
const status = (run: () => unknown): number => {
  try {
    run();
    return 200;
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.status;
  }
};

describe("a request on TCP", async () => {
  using folder = writeFiles({ "ops.txt": `${strong}\n`, "look.txt": "A".repeat(8) + strong });
  for (const file of ["ops.txt", "look.txt"])
    writeFileSync(folder.path(file), strong + file.replace(".", ""), { mode: 0o600 });
  const { chmodSync } = await import("node:fs");
  for (const file of ["ops.txt", "look.txt"]) chmodSync(folder.path(file), 0o600);
  const tokens = await readTokens([
    { name: "ops", file: folder.path("ops.txt"), role: "admin" },
    { name: "look", file: folder.path("look.txt"), role: "read" },
  ]);
  const entrance = tcpEntrance({
    ...{ tokens, role: "operate" },
    hosts: new Set(["admin.example.com"]),
    origins: new Set(["https://dash.example.com"]),
  });

  it("is known by its token", () => {
    const bearer = (authorization: string) => entrance.identify(asking({ authorization }), plain);
    assert.deepEqual(bearer(`Bearer ${strong}opstxt`), { peer: plain.peer, name: "ops", role: "admin" });
    assert.equal(bearer(`bearer ${strong}looktxt`).role, "read");
    for (const wrong of [
      `Bearer ${strong}`,
      `Basic ${strong}opstxt`,
      "Bearer",
      "Bearer ",
      `Bearer ${strong}opstxt x`,
    ])
      assert.equal(
        status(() => bearer(wrong)),
        401,
        wrong,
      );
    assert.equal(
      status(() => entrance.identify(asking({}), plain)),
      401,
    );
  });

  it("is known by its certificate where one is required, and by its token before that", () => {
    const certified = { ...plain, subject: "CN=ops", secure: true };
    assert.deepEqual(entrance.identify(asking({}), certified), {
      peer: plain.peer,
      name: "CN=ops",
      role: "operate",
    });
    assert.equal(
      status(() => entrance.identify(asking({ authorization: "Bearer wrong" }), certified)),
      401,
    );
  });

  it("comes with a host that no page can make its own", () => {
    const host = (given: string | undefined) => status(() => entrance.admit(asking({ host: given }), plain));
    for (const fine of [
      "127.0.0.1:9090",
      "[::1]:9090",
      "10.1.2.3",
      "localhost",
      "LOCALHOST:9090",
      "Admin.Example.com.",
      "admin.example.com:9090",
    ])
      assert.equal(host(fine), 200, fine);
    for (const bad of [
      "evil.example.com",
      "evil.example.com:9090",
      "127.0.0.1.evil.com",
      "localhost.evil.com",
      "",
      undefined,
      "a b",
      "admin.example.com@evil",
      "[::1",
      "x".repeat(300),
    ])
      assert.equal(host(bad), 421, bad ?? "none");
  });

  it("comes from no page that is not listed, or from our own", () => {
    const origin = (given: string, host = "127.0.0.1:9090", secure = false) =>
      status(() => entrance.admit(asking({ origin: given, host }), { ...plain, secure }));
    assert.equal(origin("https://dash.example.com"), 200);
    assert.equal(origin("http://127.0.0.1:9090"), 200);
    assert.equal(origin("https://admin.example.com", "admin.example.com", true), 200);
    for (const bad of [
      "http://evil.example.com",
      "null",
      "https://127.0.0.1:9090",
      "http://127.0.0.1",
      "http://localhost:9090",
      "https://dash.example.com.evil",
      "",
    ])
      assert.equal(origin(bad), 403, bad);
  });
});

describe("a token's file", () => {
  it("is refused when others can read it, or its token can be guessed", async () => {
    using folder = writeFiles({
      ...{ "open.txt": strong, "short.txt": "abcdefgh", "hex.txt": "0123456789abcdef01234567" },
      ...{
        "same.txt": "a".repeat(40),
        "odd.txt": `${strong} and more`,
        "empty.txt": "\n",
        "fine.txt": strong,
        "twin.txt": strong,
      },
      "long.txt": strong.repeat(100),
    });
    const { chmodSync } = await import("node:fs");
    const read = (...files: string[]) =>
      readTokens(
        files.map((file) => ({ name: file.replace(".txt", ""), file: folder.path(file), role: "read" })),
      );
    for (const file of ["short", "hex", "same", "odd", "empty", "fine", "twin", "long"])
      chmodSync(folder.path(`${file}.txt`), 0o600);
    chmodSync(folder.path("open.txt"), 0o640);
    await assert.rejects(read("open.txt"), /open\.txt can be read by others; say chmod 600/);
    await assert.rejects(read("short.txt"), /too easy to guess; it needs 128 random bits; write one with/);
    await assert.rejects(read("hex.txt"), /too easy to guess/);
    await assert.rejects(read("same.txt"), /too easy to guess/);
    await assert.rejects(read("odd.txt"), /characters that no header can carry/);
    await assert.rejects(read("empty.txt"), /is empty/);
    await assert.rejects(read("long.txt"), /longer than 1024 bytes/);
    await assert.rejects(read("none.txt"), /there is no file/);
    await assert.rejects(read("fine.txt", "twin.txt"), /holds the same token as that of fine/);
    assert.equal((await read("fine.txt")).bearerOf(strong)?.name, "fine");
    for (const file of ["short.txt", "odd.txt"])
      await assert.rejects(
        read(file),
        (error: Error) => !error.message.includes("abcdefgh") && !error.message.includes(strong),
      );
  });
});
