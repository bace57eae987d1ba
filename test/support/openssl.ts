/** The openssl program as a witness that shares no code with what it judges. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFiles } from "./certificates.ts";
import { patience } from "./patience.ts";

/** Output and diagnostics together: openssl spreads what it says over both. */
export function openssl(...args: readonly string[]): { readonly ok: boolean; readonly text: string } {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, {
    encoding: "utf8",
    timeout: patience,
  });
  if (error) throw error;
  return { ok: status === 0, text: stdout + stderr };
}

/** A self-signed certificate that is not an authority's own, which our own issuer does not make. */
export function selfSigned(cn: string, ...sans: readonly string[]) {
  using files = writeFiles({});
  const [cert, key] = [files.path("cert"), files.path("key")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const names = sans.length > 0 ? ["-addext", `subjectAltName=${sans.join(",")}`] : [];
  const { ok, text } = openssl(
    "req",
    "-x509",
    ...curve,
    "-subj",
    `/CN=${cn}`,
    ...names,
    "-keyout",
    key,
    "-out",
    cert,
  );
  if (!ok) throw new Error(text);
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** A certificate with alternative names that our own issuer would not write, each as openssl's configuration has it. */
export function issueOddly(
  authority: { readonly cert: string; readonly key: string },
  subject: string,
  names: Readonly<Record<string, string>>,
): { readonly chain: string; readonly key: string } {
  const lines = Object.entries(names).map(([kind, value]) => `${kind} = ${value}`);
  using files = writeFiles({
    "ca.crt": authority.cert,
    "ca.key": authority.key,
    extensions: `subjectAltName = @names\n[names]\n${lines.join("\n")}\n`,
  });
  const [key, request, cert] = [files.path("key"), files.path("request"), files.path("cert")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const asked = openssl("req", ...curve, "-subj", subject, "-utf8", "-keyout", key, "-out", request);
  const signer = ["-CA", files.path("ca.crt"), "-CAkey", files.path("ca.key"), "-days", "2"];
  const issued = openssl(
    ...["x509", "-req", "-in", request, "-out", cert, "-extfile", files.path("extensions")],
    ...signer,
  );
  if (!asked.ok || !issued.ok) throw new Error(asked.text + issued.text);
  return { chain: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

export interface OpensslTalk {
  readonly code: number | null;
  /** Standard output and error together. */
  readonly text: string;
}

export interface SClientOptions {
  /** What it says once the handshake is done. */
  readonly say?: string;
  /** Obeys letters at the start of a line, such as R for a renegotiation, and ends with the peer only. */
  readonly interactive?: boolean;
}

/** `openssl s_client` to a port of this machine. Runs beside the test, which may be the one who serves it. */
export async function sClient(
  port: number,
  args: readonly string[] = [],
  { say = "hello\n", interactive = false }: SClientOptions = {},
): Promise<OpensslTalk> {
  const mode = interactive ? [] : ["-ign_eof"];
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...mode, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: patience,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (more: string) => {
      text += more;
    });
  child.stdin.on("error", () => {});
  if (interactive) child.stdin.write(say);
  else child.stdin.end(say);
  const [code] = await once(child, "close");
  return { code, text };
}
