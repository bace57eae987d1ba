/** A PostgreSQL server of the test's own: a fresh cluster in a temporary directory, on a unix socket only. */
import { spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, run, startProgram } from "./program.ts";
import { toolPath } from "./requires.ts";

/** For `requires`. */
export const postgresTools = ["initdb", "postgres", "psql", "setpriv"];

export interface PostgresServer extends AsyncDisposable {
  /** Where it listens; also its data directory. */
  readonly socket: string;
  readonly directory: string;
}

export async function startPostgres(): Promise<PostgresServer> {
  const directory = mkdtempSync(join(tmpdir(), "equilibria-postgres-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
  const [tool, ...prefix] = asDatabaseUser(directory);
  // what happens after a power cut is not what we test
  const initialised = await run(tool, [
    ...prefix,
    toolPath("initdb"),
    ...["-D", directory, "-U", "tester", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"],
  ]);
  if (initialised.code !== 0) throw new Error(initialised.text);
  const settings = { listen_addresses: "", unix_socket_directories: directory, fsync: "off", port: "5432" };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = await startProgram(tool, [...prefix, toolPath("postgres"), "-D", directory, ...options], {
    ready: /database system is ready to accept connections/,
  });
  // INT is its "fast" stop; it must remove its shared memory, so KILL would leave traces
  cleanup.defer(() => server.stop("SIGINT"));
  const owned = cleanup.move();
  return {
    directory,
    socket: join(directory, ".s.PGSQL.5432"),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Runs one SQL command through 127.0.0.1:PORT, plain; the rows come without decoration, columns separated by "|". */
export function psql(port: number, sql: string, input?: string): Promise<Finished> {
  return run("psql", psqlArguments(port, sql), input === undefined ? {} : { input });
}

export function psqlArguments(port: number, sql: string): readonly string[] {
  const url = `host=127.0.0.1 port=${port} user=tester dbname=postgres sslmode=disable connect_timeout=10`;
  return ["--no-psqlrc", "--no-align", "--tuples-only", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql];
}

/** The server refuses to run as root; setpriv becomes its user and then the server itself, so its pid is the server's. */
function asDatabaseUser(directory: string): readonly [string, ...string[]] {
  if (process.getuid?.() !== 0) return ["env"];
  const [uid, gid] = ["-u", "-g"].map((flag) => {
    const { stdout } = spawnSync("id", [flag, "postgres"], { encoding: "utf8" });
    return Number(stdout);
  });
  if (!uid || !gid) throw new Error("there is no user postgres");
  chownSync(directory, uid, gid);
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
}
