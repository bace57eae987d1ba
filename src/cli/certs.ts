import { Command, InvalidArgumentError, Option } from "commander";
import type { Usage } from "../pki/extensions.ts";
import type { KeyKind } from "../pki/key.ts";
import { keyKinds } from "../pki/key.ts";
import { type RevocationReason, revocationReasons } from "../pki/revocation-reasons.ts";

/** Writes one line for the user. */
export type Print = (line: string) => void;

export interface InitOptions {
  readonly dir: string;
  readonly key: KeyKind;
  readonly days?: number;
  readonly name: string;
  readonly force?: boolean;
}

export interface IssueOptions {
  readonly dir: string;
  readonly key: KeyKind;
  readonly days?: number;
  readonly usage: Usage;
  readonly out?: string;
  readonly pkcs12?: boolean;
  readonly passphraseFile?: string;
  readonly force?: boolean;
}

export interface RevokeOptions {
  readonly dir: string;
  readonly days?: number;
  readonly reason?: RevocationReason;
}

/**
 * `certs`: a development CA. The actions load what they need: node-forge takes 50 ms, which no other command should pay.
 *
 * @throws CliError from the actions
 */
export function certsCommand(print: Print = (line) => process.stdout.write(`${line}\n`)): Command {
  const certs = new Command("certs").description("development CA and certificates (not for production)");
  addInit(certs, print);
  addServer(certs, print);
  addClient(certs, print);
  addRevoke(certs, print);
  addCrl(certs, print);
  addTicketKey(certs, print);
  addShow(certs, print);
  return certs;
}

function addInit(certs: Command, print: Print): void {
  const command = certs.command("init").description("create the CA: ca.crt and ca.key");
  common(command, { days: 3650 })
    .option("--name <cn>", "common name of the CA", "equilibria-tunnel development CA")
    .action(async (options: InitOptions) => {
      const { initAuthority } = await import("./certs-issue.ts");
      await initAuthority(options, print);
    });
}

function addServer(certs: Command, print: Print): void {
  const command = certs
    .command("server")
    .description("issue a certificate for a server")
    .argument("[names...]", "host names, IP addresses or URIs (default: localhost 127.0.0.1 ::1)");
  issuing(command, "server").action(async (names: string[], options: IssueOptions) => {
    const { issueToFiles } = await import("./certs-issue.ts");
    await issueToFiles(names.length > 0 ? names : ["localhost", "127.0.0.1", "::1"], options, print);
  });
}

function addClient(certs: Command, print: Print): void {
  const command = certs
    .command("client")
    .description("issue a certificate for a client")
    .argument("<names...>", "host names, IP addresses, URIs (spiffe://…) or e-mail addresses");
  issuing(command, "client").action(async (names: string[], options: IssueOptions) => {
    const { issueToFiles } = await import("./certs-issue.ts");
    await issueToFiles(names, options, print);
  });
}

function addTicketKey(certs: Command, print: Print): void {
  certs
    .command("ticket-key")
    .description("make a secret for session tickets, to be shared by a fleet")
    .argument("<file>", "where to write it; 48 random bytes")
    .option("--force", "replace an existing file")
    .action(async (file: string, options: { readonly force?: boolean }) => {
      const { makeTicketKey } = await import("./certs-issue.ts");
      await makeTicketKey(file, { force: options.force === true, print });
    });
}

function addShow(certs: Command, print: Print): void {
  certs
    .command("show")
    .description("describe certificates: names, days left, usage, fingerprint and pin")
    .argument("<files...>", "PEM or DER files")
    .option("--json", "print a JSON array")
    .action(async (files: string[], options: { readonly json?: boolean }) => {
      const { showCertificates } = await import("./certs-show.ts");
      await showCertificates(files, { json: options.json === true, print });
    });
}

function addRevoke(certs: Command, print: Print): void {
  revoking(certs.command("revoke"))
    .description("revoke certificates of the CA: writes ca.crl, its list (CRL)")
    .argument("<certificates...>", "files, or names of files in the directory without .crt")
    .addOption(new Option("--reason <reason>", "why").choices(Object.keys(revocationReasons)))
    .action(async (certificates: string[], options: RevokeOptions) => {
      const { revokeCertificates } = await import("./certs-revoke.ts");
      await revokeCertificates(certificates, options, print);
    });
}

function addCrl(certs: Command, print: Print): void {
  revoking(certs.command("crl"))
    .description("write ca.crl anew with a later end, empty if there is none yet")
    .action(async (options: RevokeOptions) => {
      const { revokeCertificates } = await import("./certs-revoke.ts");
      await revokeCertificates([], options, print);
    });
}

function revoking(command: Command): Command {
  return command
    .option("--dir <directory>", "where the files are", "certs")
    .option("--days <n>", "days until the list ends (default: 30)", parseDays);
}

function common(command: Command, { days }: { days: number }): Command {
  return command
    .option("--dir <directory>", "where the files are", "certs")
    .addOption(
      new Option("--key <kind>", "kind of the new key (ecdsa is P-256)").choices(keyKinds).default("ecdsa"),
    )
    .option("--days <n>", `days until it ends (default: ${days})`, parseDays)
    .option("--force", "replace existing files");
}

function issuing(command: Command, usage: Usage): Command {
  return common(command, { days: 825 })
    .addOption(
      new Option("--usage <end>", "for which end of a connection it is good")
        .choices(["server", "client", "both"])
        .default(usage),
    )
    .option("--out <name>", "name of the files (default: the first name)")
    .option("--pkcs12", "write NAME.p12 as well; needs --passphrase-file")
    .option("--passphrase-file <file>", "encrypts NAME.key and NAME.p12 with the passphrase in this file");
}

function parseDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > 36_500) throw new InvalidArgumentError("write a number of days from 1 to 36500.");
  return days;
}
