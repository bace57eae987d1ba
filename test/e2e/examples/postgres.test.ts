/**
 * config/postgres-server.yaml and config/postgres-client.yaml between psql and a real PostgreSQL: two instances in a row, large results
 * and uploads, several connections, and the cancel request, which is a short connection of its own.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { suite, test } from "node:test";
import { exampleCertificates, startExample, unhappy } from "../../support/examples.ts";
import { postgresTools, psql, psqlArguments, startPostgres } from "../../support/postgres.ts";
import { startProgram } from "../../support/program.ts";
import { requires } from "../../support/requires.ts";

suite("config/postgres-server.yaml and config/postgres-client.yaml", requires(...postgresTools), () => {
  async function setUp() {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(exampleCertificates());
    const postgres = stack.use(await startPostgres());
    const server = stack.use(
      await startExample("postgres-server.yaml", {
        CERTS: certificates.dir,
        POSTGRES_TLS_LISTEN: "127.0.0.1:0",
        POSTGRES: `unix:${postgres.socket}`,
      }),
    );
    const client = stack.use(
      await startExample("postgres-client.yaml", {
        CERTS: certificates.dir,
        POSTGRES_LISTEN: "127.0.0.1:0",
        POSTGRES_TLS: `localhost:${server.port("postgres-server")}`,
      }),
    );
    const owned = stack.move();
    return {
      server,
      client,
      port: client.port("postgres-client"),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  // one cluster for all: making it takes longer than the tests
  test("psql works through both tunnels", async (context) => {
    await using setup = await setUp();
    const { server, client, port } = setup;

    await context.test("a query is answered over TLS with the agreed protocol", async () => {
      const { code, text } = await psql(port, "select 6 * 7");
      assert.deepEqual({ code, text }, { code: 0, text: "42\n" });
      const [near] = await client.sessions(1);
      const [far] = await server.sessions(1);
      assert.equal(near?.outcome, "completed");
      assert.equal(far?.alpn, "postgresql");
      assert.equal(far?.tls?.version, "TLSv1.3");
      assert.equal(far?.bytesOut, near?.bytesOut);
    });

    const rows = Array.from({ length: 260_000 }, (_, index) => `${index}|${md5(String(index))}\n`).join("");

    await context.test("a result of ten megabytes arrives unchanged", async () => {
      assert.ok(rows.length > 10_000_000);
      const sql = "select i, md5(i::text) from generate_series(0, 259999) i";
      const { code, stdout } = await psql(port, sql);
      assert.equal(code, 0);
      assert.equal(sha256(stdout), sha256(rows));
    });

    await context.test("an upload of ten megabytes arrives unchanged", async () => {
      const create = await psql(port, "create table copied (i int, hash text)");
      assert.equal(create.code, 0, create.text);
      const copied = await psql(port, "copy copied from stdin with (delimiter '|')", rows);
      assert.equal(copied.text, "COPY 260000\n");
      const check = await psql(port, "select count(*) from copied where hash = md5(i::text)");
      assert.equal(check.text, "260000\n");
    });

    await context.test("an error of the server reaches the client as it is", async () => {
      const { code, text } = await psql(port, "select * from missing");
      assert.equal(code, 1);
      assert.match(text, /relation "missing" does not exist/);
    });

    await context.test("ten clients at once each get their own answer", async () => {
      const asked = Array.from({ length: 10 }, (_, index) => index);
      const answers = await Promise.all(asked.map((index) => psql(port, `select ${index}, pg_sleep(0.1)`)));
      assert.deepEqual(
        answers.map(({ text }) => text),
        asked.map((index) => `${index}|\n`),
      );
    });

    await context.test("a running query is cancelled by a connection of its own", async () => {
      const sql = "select pg_sleep(100)";
      await using sleeper = await startProgram("psql", psqlArguments(port, sql));
      const running = `select count(*) from pg_stat_activity where query = '${sql}' and state = 'active'`;
      while ((await psql(port, running)).text !== "1\n");
      // as Ctrl-C does
      process.kill(sleeper.pid, "SIGINT");
      await sleeper.said(/canceling statement due to user request/);
    });

    // one for each psql above, and the cancel request
    const sessions = await server.sessions(18);
    assert.deepEqual(unhappy(sessions), []);
  });
});

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
