/** A MariaDB of the test's own: a fresh data directory, on a unix socket and a port of 127.0.0.1. */
import { writeFileSync } from "node:fs";
import { type TestCertificate, writeFiles } from "./certificates.ts";
import { freePort } from "./ports.ts";
import { type Finished, run, startProgram } from "./program.ts";

/** For `requires`. */
export const mariadbTools = ["mariadbd", "mariadb-install-db", "mariadb"];

export interface MariaDb extends AsyncDisposable {
  readonly port: number;
  readonly socket: string;
}

const users = `
install soname 'auth_ed25519';
create user joe identified by 'secret';
create user eve identified via ed25519 using password('secret');
create user tess identified by 'secret' require ssl;
create database test;
grant all on test.* to joe;
grant all on test.* to tess;
grant all on test.* to eve;
`;

/** The users joe, eve (ed25519) and tess (with TLS only) have the password `secret` and the database `test`. */
export async function startMariaDb(identity: TestCertificate): Promise<MariaDb> {
  await using cleanup = new AsyncDisposableStack();
  const files = cleanup.use(writeFiles({ "own.crt": identity.chain, "own.key": identity.key }));
  const { path } = files;
  writeFileSync(path("users.sql"), users);
  const user = process.getuid?.() === 0 ? ["--user=root"] : [];
  const made = await run("mariadb-install-db", [
    ...["--no-defaults", `--datadir=${path("data")}`, "--skip-test-db", ...user],
    "--auth-root-authentication-method=normal",
  ]);
  if (made.code !== 0) throw new Error(made.text);
  const port = await freePort();
  const program = await startProgram(
    "mariadbd",
    [
      ...["--no-defaults", `--datadir=${path("data")}`, `--socket=${path("socket")}`, ...user],
      ...[`--port=${port}`, "--bind-address=127.0.0.1", `--init-file=${path("users.sql")}`],
      ...[`--ssl-cert=${path("own.crt")}`, `--ssl-key=${path("own.key")}`, "--skip-name-resolve"],
      ...["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"],
    ],
    { ready: /ready for connections/ },
  );
  cleanup.defer(() => program.stop("SIGKILL"));
  const owned = cleanup.move();
  return { port, socket: path("socket"), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Runs SQL as a user through 127.0.0.1:PORT; columns are separated by tabs. */
export function mariadb(
  port: number,
  { user = "joe", password = "secret", options = ["--skip-ssl"], sql }: MariaDbQuery,
): Promise<Finished> {
  const login = ["--no-defaults", "-h", "127.0.0.1", "-P", String(port), "-u", user, `-p${password}`];
  return run("mariadb", [...login, ...options, "--batch", "--skip-column-names", "test", "-e", sql]);
}

export interface MariaDbQuery {
  readonly user?: string;
  readonly password?: string;
  /** Default: no TLS. */
  readonly options?: readonly string[];
  readonly sql: string;
}
