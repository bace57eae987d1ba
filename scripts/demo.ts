// `npm start`: certificates, two echo servers, and the program with config/demo.yaml in front of them.
//
//   npm start              runs until Ctrl-C
//   npm start -- --once    proves each tunnel with one exchange; exits 0 if all are well
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { parseAddress } from "../src/core/address.ts";
import { prettyLine } from "../src/telemetry/pretty.ts";
import { announcement, madeLine, proofLine } from "./demo/announcement.ts";
import { ensureCertificates } from "./demo/certificates.ts";
import { type EchoOptions, startEchoServer } from "./demo/echo-server.ts";
import { certificateDirectory, type DemoLayout, type DemoTunnel, readLayout } from "./demo/layout.ts";
import { prove } from "./demo/proof.ts";
import { type LogRecord, TunnelProcess } from "./demo/tunnel-process.ts";

const configFile = relative(process.cwd(), join(import.meta.dirname, "../config/demo.yaml"));

try {
  const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
  process.exitCode = await demonstrate(values.once);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const advice = message.includes("EADDRINUSE") ? `; ${configFile} says how to choose another port` : "";
  console.error(`demo: ${message}${advice}`);
  process.exitCode = 1;
}

/** @returns the exit code */
async function demonstrate(once: boolean): Promise<number> {
  const certificates = certificateDirectory(configFile);
  const authorityFile = join(certificates, "ca.crt");
  const made = await ensureCertificates(certificates);
  if (made.length > 0) console.log(madeLine(made, certificates));
  const layout = readLayout(configFile);
  using resources = new DisposableStack();
  for (const options of targetOptions(layout, certificates)) {
    const server = await startEchoServer(options);
    resources.defer(() => server.close());
  }
  const program = new TunnelProcess(configFile);
  resources.defer(() => program.stop());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => program.stop());
  const ready = await program.record(({ event }) => event === "ready");
  const tunnels = listening(layout, ready);
  if (once) {
    const proven = await proveAll(tunnels, { program, authorityFile });
    program.stop();
    return (await program.ended) || (proven ? 0 : 1);
  }
  console.log(announcement(tunnels, { layout, authorityFile }));
  program.on("record", ({ line }) => process.stdout.write(prettyLine(line)));
  // awaited here, so that the targets are there to the end
  return await program.ended;
}

function targetOptions({ targets }: DemoLayout, certificates: string): readonly EchoOptions[] {
  const identity = {
    cert: readFileSync(join(certificates, "server.crt")),
    key: readFileSync(join(certificates, "server.key")),
  };
  return targets.map(({ name, address, tls }) => ({ name, address, ...(tls ? { tls: identity } : {}) }));
}

function listening({ tunnels }: DemoLayout, ready: LogRecord): readonly DemoTunnel[] {
  const listeners = ready["listeners"] as readonly { readonly tunnel: string; readonly address: string }[];
  return tunnels.map((tunnel) => {
    const text = listeners.find((listener) => listener.tunnel === tunnel.name)?.address ?? "";
    const address = parseAddress(text, "127.0.0.1");
    if (address.kind !== "tcp") throw new Error(`${tunnel.name} does not listen on TCP`);
    return { ...tunnel, port: address.port };
  });
}

/** Proven is what came back, and what the program itself says of the session. */
async function proveAll(
  tunnels: readonly DemoTunnel[],
  { program, authorityFile }: { program: TunnelProcess; authorityFile: string },
): Promise<boolean> {
  let all = true;
  for (const tunnel of tunnels) {
    try {
      const session = program.record(
        (record) => record.event === "session" && record["tunnel"] === tunnel.name,
      );
      const [proof, { outcome }] = await Promise.all([prove(tunnel, authorityFile), session]);
      if (outcome !== "completed") throw new Error(`the session ended with ${outcome}`);
      console.log(proofLine(tunnel, proof));
    } catch (error) {
      all = false;
      console.error(`failed  ${tunnel.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return all;
}
