import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Address, parseAddress } from "../core/address.ts";
import { CliError, exit } from "./cli-error.ts";
import { parseDurationOption } from "./duration-option.ts";
import type { Inspection } from "./inspect/inspection.ts";
import type { Peer } from "./inspect/peer.ts";
import type { WrittenTls } from "./inspect/suggestion.ts";
import { writeJson, writeOut } from "./output.ts";

interface InspectOptions {
  readonly ca?: string;
  readonly serverName?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly starttls?: string;
  readonly alpn: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

/** `inspect`: what a TLS peer offers, and why a tunnel to it would fail, in words. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("show what a TLS peer offers, and why a handshake with it would fail, in words")
    .argument("<peer>", "HOST:PORT or unix:PATH", readPeer)
    .option("--ca <file>", "the authorities to trust, in PEM; default: those of the system")
    .option("--server-name <name>", "the name to ask for and to expect; default: the host")
    .option("--cert <file>", "a client certificate, with --key")
    .option("--key <file>", "its key")
    .addOption(
      new Option("--starttls <protocol>", "what is spoken before TLS").choices([
        ...["smtp", "imap", "pop3", "nntp", "ftp", "sieve", "xmpp", "ldap", "pgsql", "mysql"],
      ]),
    )
    .option("--alpn <protocols>", "application protocols to ask for, with commas between", readList, [])
    .option("--timeout <duration>", "how long one attempt may take", parseDurationOption, 5000)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nMakes some fifty connections, one after the other. Exits with 1 when a backend with these options would not get on with the peer.",
    )
    .action(async (address: Address, options: InspectOptions) => {
      const { cert, key } = options;
      if ((cert === undefined) !== (key === undefined))
        throw new CliError(exit.usage, "--cert and --key go together");
      const host = address.kind === "tcp" ? address.host : "";
      const { serverName = host, timeout } = options;
      const { makeDialogue } = await import("./inspect/dialogue.ts");
      const { starttls } = options;
      const negotiation = starttls === undefined ? undefined : await makeDialogue(starttls, serverName);
      const peer = { address, serverName, timeout, negotiation };
      const found = await inspect(peer, options);
      if (options.json) await writeJson(found);
      else {
        const { reportText } = await import("./inspect/report.ts");
        await writeOut(reportText(found));
      }
      const why = options.json ? found.failure?.reason : "a tunnel to it would fail";
      if (!found.ok) throw new CliError(exit.failed, `${found.peer}: ${why}`);
    });
}

async function inspect(peer: Peer, options: InspectOptions): Promise<Inspection> {
  const { clientTlsOptions } = await import("../tls/options.ts");
  const { MaterialError, loadIdentity } = await import("../tls/identity.ts");
  const { makeDialogue } = await import("./inspect/dialogue.ts");
  const { inspectPeer } = await import("./inspect/inspection.ts");
  const schema = clientTlsOptions({ resolvePath: (path) => resolve(path) });
  const parse = (written: WrittenTls) => schema.parse(written);
  const tls = backendTls(options);
  try {
    const identity = await loadIdentity(parse(tls));
    return await inspectPeer(peer, {
      ...{ tls, parse, alpn: options.alpn },
      identity: identity ? { cert: identity.cert, key: identity.key } : {},
      dialogue: (name) => makeDialogue(name, peer.serverName),
    });
  } catch (error) {
    if (!(error instanceof MaterialError)) throw error;
    throw new CliError(exit.noInput, `--${error.option}: ${error.message}`, { cause: error });
  }
}

/** What these options are in a backend's `tls`. */
function backendTls({ ca, cert, key, serverName, alpn }: InspectOptions) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(cert === undefined ? {} : { cert, key }),
    ...(alpn.length === 0 ? {} : { alpn: [...alpn] }),
  };
}

function readPeer(text: string): Address {
  try {
    return parseAddress(text, "127.0.0.1");
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

function readList(text: string): readonly string[] {
  const listed = text.split(",").map((one) => one.trim());
  if (listed.includes("")) throw new InvalidArgumentError("Write names with commas between them.");
  return listed;
}
