/** A redis-server of the test's own, plain and without files. */
import { answering, freePort } from "./ports.ts";
import { type RunningProgram, startProgram } from "./program.ts";

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly program: RunningProgram;
}

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no", "io-threads": "1" };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const program = await startProgram("redis-server", args, { ready: /Ready to accept connections/ });
  await answering(port);
  return { port, program, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** The arguments that make a Redis client speak TLS to the tunnel and verify it. */
export function redisTls(port: number, ca: string): readonly string[] {
  return ["--tls", "--cacert", ca, "-h", "localhost", "-p", String(port)];
}
