/** Dovecot and Postfix of the test's own: real servers on both sides of STARTTLS, each with a port of 127.0.0.1. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestCertificate, writeFiles } from "./certificates.ts";
import { answering, freePort } from "./ports.ts";
import { startProgram } from "./program.ts";

/** For `requires`; both become other users, which only root may. */
export const dovecotTools = ["dovecot", "curl", "openssl"];
export const postfixTools = ["postconf", "curl", "openssl"];

export interface Dovecot extends AsyncDisposable {
  readonly imap: number;
  readonly pop3: number;
  readonly sieve: number;
}

/** Any user may log in with the password `secret`, with STARTTLS or without. */
export async function startDovecot(identity: TestCertificate): Promise<Dovecot> {
  await using cleanup = new AsyncDisposableStack();
  const files = cleanup.use(writeFiles({ "own.crt": identity.chain, "own.key": identity.key }));
  const [imap, pop3, sieve] = [await freePort(), await freePort(), await freePort()];
  chmodSync(files.dir, 0o755);
  mkdirSync(files.path("mail"), { mode: 0o777 });
  chmodSync(files.path("mail"), 0o777);
  const listener = (service: string, kind: string, port: number) =>
    `service ${service}-login {\n  inet_listener ${kind} {\n    port = ${port}\n  }\n` +
    `  inet_listener ${kind}s {\n    port = 0\n  }\n}\n`;
  const configuration = cleanup.use(
    writeFiles({
      "dovecot.conf": `
base_dir = ${files.path("run")}
state_dir = ${files.path("run")}
log_path = /dev/stderr
protocols = imap pop3 sieve
listen = 127.0.0.1
ssl = yes
ssl_cert = <${files.path("own.crt")}
ssl_key = <${files.path("own.key")}
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${files.path("mail")}/%u
}
first_valid_gid = 1
mail_location = maildir:~/mail
${listener("imap", "imap", imap)}${listener("pop3", "pop3", pop3)}${listener("managesieve", "sieve", sieve)}`,
    }),
  );
  const program = await startProgram("dovecot", ["-F", "-c", configuration.path("dovecot.conf")], {
    ready: /starting up for/,
  });
  // it has processes of its own, which KILL would leave behind
  cleanup.defer(() => program.stop());
  await Promise.all([imap, pop3, sieve].map((port) => answering(port)));
  const owned = cleanup.move();
  return { imap, pop3, sieve, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export interface Postfix extends AsyncDisposable {
  readonly smtp: number;
  /** What it has logged so far. */
  log(): string;
}

/** Takes mail to everybody at `example.test`, with STARTTLS or without, and drops it. */
export async function startPostfix(identity: TestCertificate): Promise<Postfix> {
  await using cleanup = new AsyncDisposableStack();
  const smtp = await freePort();
  const files = cleanup.use(writeFiles({ "own.pem": identity.key + identity.chain }));
  chmodSync(files.dir, 0o755);
  const [queue, data] = [files.path("queue"), files.path("data")];
  mkdirSync(queue);
  mkdirSync(data);
  const owner = spawnSync("id", ["-u", "postfix"], { encoding: "utf8" });
  chownSync(data, Number(owner.stdout), 0);
  const services = [
    `127.0.0.1:${smtp} inet n - n - - smtpd`,
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "proxymap unix - - n - - proxymap",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "discard unix - - n - - discard",
    "anvil unix - - n - 1 anvil",
    "postlog unix-dgram n - n - 1 postlogd",
  ];
  const configuration = cleanup.use(
    writeFiles({
      "main.cf": `
compatibility_level = 3.6
queue_directory = ${queue}
data_directory = ${data}
maillog_file = ${files.path("log")}
maillog_file_prefixes = ${files.dir}
myhostname = mail.example.test
mydestination =
relay_domains = example.test
mynetworks = 127.0.0.1/32
default_transport = discard
relay_transport = discard
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
smtpd_tls_chain_files = ${files.path("own.pem")}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
`,
      "master.cf": `${services.join("\n")}\n`,
    }),
  );
  chmodSync(configuration.dir, 0o755);
  // says nothing on standard output, and on a pipe it could not
  const program = await startProgram("postfix", ["-c", configuration.dir, "start-fg"], {
    env: { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
  });
  cleanup.defer(async () => {
    // the program is a script that waits for its master; all others end with him
    process.kill(Number(readFileSync(join(queue, "pid/master.pid"), "utf8")));
    await program.stop();
  });
  await answering(smtp);
  const owned = cleanup.move();
  return {
    smtp,
    log: () => readFileSync(files.path("log"), "utf8"),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
