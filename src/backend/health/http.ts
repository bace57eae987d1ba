import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { z } from "zod";
import type { Probe, Target } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import { describeSocketError, errorCode } from "../../net/socket-error.ts";
import { compilePattern, excerpt, longestAnswer, type Matcher, pattern } from "./pattern.ts";

/** The target works when it answers an HTTP/1.1 request with an expected status and, if wanted, body. */
export const http = definePlugin({
  name: "http",
  options: z.strictObject({
    method: z.enum(["GET", "HEAD", "OPTIONS", "POST"]).default("GET").meta({ description: "the method" }),
    path: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, "a path begins with / and has no blanks")
      .default("/")
      .meta({ description: "what is asked for, the query included" }),
    host: z
      .string()
      .regex(/^[\x21-\x7e]+$/, "a host header has no blanks")
      .optional()
      .meta({ description: "the Host header; default: the target's server name, or its address" }),
    status: z
      .union([statusRange(), z.array(statusRange()).min(1)])
      .default("200-399")
      .meta({ description: "the expected status, or a list: 204, 2xx or 200-399" }),
    body: pattern().optional().meta({
      description: "text that the first 64 KiB of the body must contain, or /expression/flags",
    }),
    tls: z.boolean().optional().meta({ description: "whether over TLS; default: as sessions are" }),
  }),
  create({ method, path, host, status, body, tls }): Probe {
    const expected = [status].flat();
    const ranges = expected.map(parseRange);
    const matcher = body === undefined ? undefined : compilePattern(body);
    return {
      async check(target, { connect }) {
        const stream = await connect({ tls, alpn: ["http/1.1"] });
        const headers = {
          Host: host ?? hostOf(target),
          "User-Agent": "equilibria-tunnel",
          Connection: "close",
        };
        const response = await ask(stream, { method, path, headers });
        const code = response.statusCode ?? 0;
        if (!ranges.some(({ from, to }) => code >= from && code <= to))
          throw new Error(`status ${code} instead of ${expected.join(", ")}`);
        if (matcher) await expectBody(response, matcher());
      },
    };
  },
});

function statusRange() {
  return z.union([
    z.int().min(100).max(599),
    z.string().regex(/^[1-5](xx|\d\d(-[1-5]\d\d)?)$/, "write a status such as 204, 2xx or 200-399"),
  ]);
}

function parseRange(text: string | number): { readonly from: number; readonly to: number } {
  const [first = "", last = first] = String(text).split("-");
  return { from: Number(first.replace("xx", "00")), to: Number(last.replace("xx", "99")) };
}

function hostOf({ serverName, address, checkAddress = address }: Target): string {
  if (serverName !== undefined) return serverName;
  if (checkAddress.kind === "unix") return "localhost";
  const { host, port } = checkAddress;
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function ask(stream: Duplex, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, createConnection: () => stream });
    // stays when the answer is there: what comes later must not end the process
    asked.on("error", (error) => reject(explain(error)));
    asked.once("response", resolve);
    asked.end();
  });
}

async function expectBody(response: IncomingMessage, matches: Matcher): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= longestAnswer) break;
    }
  } catch (error) {
    throw explain(error);
  }
  const body = Buffer.concat(chunks).subarray(0, longestAnswer);
  if (!matches(body)) throw new Error(`another body than expected: ${excerpt(body)}`);
}

function explain(error: unknown): Error {
  const code = errorCode(error);
  if (code?.startsWith("HPE_")) return new Error("the answer is not HTTP", { cause: error });
  // Node's words for an end without an answer, or amid one
  if (code === "ECONNRESET") return new Error("closed without a whole answer", { cause: error });
  return error instanceof Error && code === undefined
    ? error
    : new Error(describeSocketError(error), { cause: error });
}
