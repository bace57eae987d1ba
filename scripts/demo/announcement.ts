import { relative } from "node:path";
import { styleText } from "node:util";
import type { DemoLayout, DemoTunnel } from "./layout.ts";
import type { Proof } from "./proof.ts";

/** What runs and what to try, one line for each tunnel. */
export function announcement(
  tunnels: readonly DemoTunnel[],
  { layout, authorityFile }: { layout: DemoLayout; authorityFile: string },
): string {
  const names = [...new Set(layout.targets.map(({ name }) => name))].join(" and ");
  const authority = relative(process.cwd(), authorityFile);
  return [
    "",
    `${styleText("bold", "equilibria-tunnel")}  in front of two echo servers, ${names}`,
    "",
    ...tunnels.map((tunnel) => `  ${tunnelText(tunnel)}`),
    "",
    "Try in another terminal:",
    "",
    ...tunnels.map((tunnel) => `  ${styleText("cyan", suggestion(tunnel, authority))}`),
    "",
    styleText("gray", "Each connection leaves a line below. Ctrl-C ends everything."),
    "",
  ].join("\n");
}

/** What the self-check has found out about a tunnel. */
export function proofLine(tunnel: DemoTunnel, { name, tlsVersion }: Proof): string {
  const transport = tlsVersion ?? "plain TCP";
  return `${styleText("green", "ok")}  ${tunnelText(tunnel)}  ${name} answered over ${transport}`;
}

export function madeLine(names: readonly string[], directory: string): string {
  return `made ${names.join(", ")} in ${relative(process.cwd(), directory)}/`;
}

function tunnelText({ name, port, tls, targetTls }: DemoTunnel): string {
  const from = `localhost:${port} ${tls ? "TLS" : "plain"}`.padEnd(21);
  return `${styleText("bold", name.padEnd(12))}  ${from} → ${(targetTls ? "TLS" : "plain").padEnd(5)} targets`;
}

/** Typing by hand suits one tunnel, a web request the others: asked twice, both targets answer. */
function suggestion({ port, tls, targetTls }: DemoTunnel, authority: string): string {
  if (!tls) return `curl http://localhost:${port}/`;
  return targetTls
    ? `curl --cacert ${authority} https://localhost:${port}/`
    : `openssl s_client -quiet -verify_return_error -CAfile ${authority} -connect localhost:${port}`;
}
