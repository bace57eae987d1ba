/** OpenLDAP, vsftpd and Prosody of the test's own: real servers with and without STARTTLS, each with a port of 127.0.0.1. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type TestCertificate, writeFiles } from "./certificates.ts";
import { answering, freePort } from "./ports.ts";
import { type RunningProgram, startProgram } from "./program.ts";

/** Where a server listens, on 127.0.0.1. */
export interface OneServer extends AsyncDisposable {
  readonly port: number;
}

interface Made {
  /** Of its configuration file. */
  readonly text: string;
  start(file: string, port: number): Promise<RunningProgram>;
}

/** A directory with the single entry `dc=example,dc=test`, which anybody may read. */
export function startSlapd(identity: TestCertificate): Promise<OneServer> {
  return started(identity, ({ path }) => ({
    text: `
include /etc/ldap/schema/core.schema
pidfile ${path("pid")}
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${path("own.crt")}
TLSCertificateKeyFile ${path("own.key")}
database mdb
suffix "dc=example,dc=test"
rootdn "cn=admin,dc=example,dc=test"
rootpw secret
directory ${path("data")}
access to * by * read
`,
    start: (file, port) =>
      startProgram("slapd", ["-d", "stats", "-f", file, "-h", `ldap://127.0.0.1:${port}`], {
        ready: /slapd starting/,
      }),
  }));
}

/** An anonymous server with the file `hello.txt`, whose content is `hello ftp`. */
export function startVsftpd(identity: TestCertificate): Promise<OneServer> {
  return started(identity, ({ path }, port) => {
    mkdirSync(path("data/pub"));
    writeFileSync(path("data/pub/hello.txt"), "hello ftp\n", { mode: 0o644 });
    chmodSync(path("data"), 0o755);
    mkdirSync(path("empty"));
    const settings = {
      ...{ listen: "YES", listen_address: "127.0.0.1", listen_port: port, background: "NO" },
      ...{ anonymous_enable: "YES", anon_root: path("data/pub"), secure_chroot_dir: path("empty") },
      ...{ ssl_enable: "YES", allow_anon_ssl: "YES", require_ssl_reuse: "NO", ssl_ciphers: "HIGH" },
      ...{ rsa_cert_file: path("own.crt"), rsa_private_key_file: path("own.key") },
      ...{ isolate: "NO", isolate_network: "NO", seccomp_sandbox: "NO", ftpd_banner: "hello" },
    };
    return {
      text: Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
      start: (file) => startProgram("vsftpd", [file]),
    };
  });
}

/** A server for the domain `localhost`, which lets anybody in (SASL ANONYMOUS). */
export function startProsody(identity: TestCertificate): Promise<OneServer> {
  return started(identity, ({ path }, port) => ({
    text: `
run_as_root = true
daemonize = false
pidfile = "${path("pid")}"
data_path = "${path("data")}"
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
s2s_ports = { }
modules_enabled = { "roster", "saslauth", "tls", "disco" }
modules_disabled = { "s2s" }
c2s_require_encryption = false
authentication = "anonymous"
log = { info = "*console" }
ssl = { certificate = "${path("own.crt")}", key = "${path("own.key")}" }
VirtualHost "localhost"
`,
    start: (file) => startProgram("prosody", ["--config", file, "-F"], { ready: /Activated service 'c2s'/ }),
  }));
}

async function started(
  identity: TestCertificate,
  make: (files: { path(name: string): string }, port: number) => Made,
): Promise<OneServer> {
  await using cleanup = new AsyncDisposableStack();
  const port = await freePort();
  const files = cleanup.use(writeFiles({ "own.crt": identity.chain, "own.key": identity.key }));
  chmodSync(files.dir, 0o755);
  mkdirSync(files.path("data"));
  const { text, start } = make(files, port);
  writeFileSync(files.path("configuration.lua"), text);
  // prosody becomes another user before it reads its files
  chmodSync(files.path("own.key"), 0o644);
  chmodSync(files.path("data"), 0o777);
  cleanup.use(await start(files.path("configuration.lua"), port));
  await answering(port);
  const owned = cleanup.move();
  return { port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
