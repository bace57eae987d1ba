/**
 * config/redis.yaml in front of a real Redis, used by Redis's own TLS clients: many short requests, pipelines, large values, and the
 * abrupt ends that redis-benchmark is known for.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";
import { exampleCertificates, startExample, unhappy } from "../../support/examples.ts";
import { run, startProgram } from "../../support/program.ts";
import { redisTls, startRedis } from "../../support/redis.ts";
import { requires } from "../../support/requires.ts";

suite("config/redis.yaml", requires("redis-server", "redis-cli", "redis-benchmark"), () => {
  async function setUp() {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(exampleCertificates());
    const redis = stack.use(await startRedis());
    const variables = {
      CERTS: certificates.dir,
      REDIS_LISTEN: "127.0.0.1:0",
      REDIS: `127.0.0.1:${redis.port}`,
    };
    const instance = stack.use(await startExample("redis.yaml", variables));
    const tls = redisTls(instance.port("redis"), certificates.ca);
    const owned = stack.move();
    return { redis, instance, tls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  test("redis-cli stores and fetches a key over verified TLS", async () => {
    await using setup = await setUp();
    const { tls, instance } = setup;
    assert.equal((await run("redis-cli", [...tls, "set", "greeting", "hello"])).text, "OK\n");
    assert.equal((await run("redis-cli", [...tls, "get", "greeting"])).text, "hello\n");
    const sessions = await instance.sessions(2);
    assert.deepEqual(unhappy(sessions), []);
    assert.equal(sessions[0]?.tls?.version, "TLSv1.3");
  });

  test("a value of 8 MiB arrives unchanged in both directions", async () => {
    await using setup = await setUp();
    const value = randomBytes(8 * 1024 * 1024);
    const stored = await run("redis-cli", [...setup.tls, "-x", "set", "large"], { input: value });
    assert.equal(stored.text, "OK\n");
    const fetched = await run("redis-cli", [...setup.tls, "--raw", "get", "large"]);
    // redis-cli ends its output with a newline
    assert.ok(fetched.stdout.subarray(0, -1).equals(value));
  });

  test("a message reaches a subscriber that has been waiting", async () => {
    await using setup = await setUp();
    const { tls } = setup;
    await using subscriber = await startProgram("redis-cli", [...tls, "subscribe", "news"], {
      ready: /subscribe\nnews\n/,
    });
    const published = await run("redis-cli", [...tls, "publish", "news", "extra edition"]);
    assert.equal(published.text, "1\n");
    await subscriber.said(/message\nnews\nextra edition\n/);
  });

  test("redis-benchmark completes all its requests over fifty connections", async (context) => {
    await using setup = await setUp();
    const { tls, instance } = setup;
    const load = ["-t", "set,get", "-n", "20000", "-c", "50", "-d", "1024", "--csv"];
    const finished = await run("redis-benchmark", [...tls, ...load]);
    assert.equal(finished.code, 0, finished.text);
    assert.match(finished.text, /^"SET",/m);
    assert.match(finished.text, /^"GET",/m);
    context.diagnostic(finished.text.trim());
    const pipelined = await run("redis-benchmark", [...tls, ...load, "-P", "16"]);
    assert.equal(pipelined.code, 0, pipelined.text);
    context.diagnostic(pipelined.text.trim());
    // fifty for each of two tests in each of two runs
    const sessions = await instance.sessions(200);
    assert.deepEqual(unhappy(sessions), []);
  });
});
