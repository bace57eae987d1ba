/**
 * config/stunnel: a server a client of stunnel and what the import makes of them, kept as it is printed today. The two lead to Redis
 * as those of stunnel do, once addresses and paths are those of the test.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { testAuthority } from "../../support/certificates.ts";
import { startOnce } from "../../support/echo.ts";
import { startInProcess } from "../../support/in-process.ts";
import { runToEnd } from "../../support/instance.ts";
import { visit } from "../../support/visit.ts";

const folder = fileURLToPath(new URL("../../../config/stunnel/", import.meta.url));
const yamlOf = (name: string) => readFileSync(`${folder}${name}.yaml`, "utf8");

suite("config/stunnel", () => {
  for (const name of ["redis-server", "redis-client"])
    test(`${name}.yaml is what the import prints for ${name}.conf`, async () => {
      const { exit, stdout } = await runToEnd(["import", "stunnel", `${folder}${name}.conf`]);
      assert.equal(exit, 0);
      assert.equal(stdout.trimEnd(), yamlOf(name).trimEnd());
    });

  test("both load, and the client reaches Redis through the server; a client of another authority does not", async () => {
    const authority = testAuthority();
    const own = authority.issue({ cn: "redis.example.com", usage: "server" });
    await using redis = await startOnce();
    const moved = (name: string) =>
      yamlOf(name)
        .replaceAll("/etc/stunnel/", "")
        .replaceAll(/listen: .*/g, "listen: 127.0.0.1:0");
    const server = moved("redis-server").replace("127.0.0.1:6379", `127.0.0.1:${redis.port}`);
    const material = { "ca.crt": authority.cert, "server.crt": own.chain, "server.key": own.key };
    await using far = await startInProcess(server, material);
    for (const issuer of [authority, testAuthority("Somebody else")]) {
      const { chain, key } = issuer.issue({ cn: "client", usage: "client" });
      const client = moved("redis-client").replace(
        "redis.example.com:6380",
        `127.0.0.1:${far.port("redis")}`,
      );
      const identity = { "ca.crt": authority.cert, "client.crt": chain, "client.key": key };
      await using near = await startInProcess(client, identity);
      assert.equal((await visit(near.port("redis"))).text, issuer === authority ? "hello" : "");
    }
    assert.equal(redis.sockets.length, 1);
  });
});
