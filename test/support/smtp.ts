/** Postfix's smtp-sink: a mail server that takes every message and writes it to a file. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answering, freePort } from "./ports.ts";
import { startProgram } from "./program.ts";

export interface SmtpSink extends AsyncDisposable {
  readonly port: number;
  /** The messages that it has taken, each with its envelope above. */
  mails(): readonly string[];
}

export async function startSmtpSink(): Promise<SmtpSink> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "equilibria-mail-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
  // as root it insists on a user to become, and the dump files are opened after that
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const args = [...user, "-d", `${directory}/mail.`, `127.0.0.1:${port}`, "100"];
  cleanup.use(await startProgram("smtp-sink", args));
  await answering(port);
  const owned = cleanup.move();
  return {
    port,
    mails: () => readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8")),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
