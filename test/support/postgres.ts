/** A PostgreSQL server of the test's own: a fresh cluster in a temporary directory, on a unix socket only. */
import { spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestCertificate } from "./certificates.ts";
import { freePort } from "./ports.ts";
import { type Finished, run, startProgram } from "./program.ts";
import { toolPath } from "./requires.ts";

/** For `requires`. */
export const postgresTools = ["initdb", "postgres", "psql", "setpriv"];

export interface PostgresOptions {
  /** Listens on TCP, too, and there takes clients with TLS only. */
  readonly tls?: TestCertificate;
}

export interface PostgresServer extends AsyncDisposable {
  /** Where it listens; also its data directory. */
  readonly socket: string;
  /** Of 127.0.0.1, with TLS. */
  readonly port: number;
  readonly directory: string;
}

export async function startPostgres({ tls }: PostgresOptions = {}): Promise<PostgresServer> {
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
  const port = tls ? await freePort() : 5432;
  const settings = {
    ...{ listen_addresses: "", unix_socket_directories: directory, fsync: "off", port: String(port) },
    ...(tls ? tlsSettings(directory, tls) : {}),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = await startProgram(tool, [...prefix, toolPath("postgres"), "-D", directory, ...options], {
    ready: /database system is ready to accept connections/,
  });
  // INT is its "fast" stop; it must remove its shared memory, so KILL would leave traces
  cleanup.defer(() => server.stop("SIGINT"));
  const owned = cleanup.move();
  return {
    directory,
    port,
    socket: join(directory, `.s.PGSQL.${port}`),
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

/** Its files beside its data; the owner is the directory's. */
function tlsSettings(directory: string, { chain, key }: TestCertificate): Readonly<Record<string, string>> {
  const { uid, gid } = statSync(directory);
  const file = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    chownSync(path, uid, gid);
    return path;
  };
  return {
    listen_addresses: "127.0.0.1",
    ssl: "on",
    ssl_cert_file: file("own.crt", chain),
    ssl_key_file: file("own.key", key),
    hba_file: file("hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"),
  };
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
