import type { Parsed } from "../../core/parsed.ts";
import type { ProxyHeader } from "./header.ts";
import { parseV1, v1Signature } from "./v1.ts";
import { parseV2, v2Signature } from "./v2.ts";

/** Reads a header of either version. The first byte that fits neither is an error, so a wrong client is not waited for. */
export function parseProxyHeader(bytes: Buffer): Parsed<ProxyHeader> {
  if (bytes.length === 0) return { kind: "more", atLeast: 1 };
  for (const [signature, parse] of [
    [v1Signature, parseV1],
    [v2Signature, parseV2],
  ] as const) {
    const seen = bytes.subarray(0, signature.length);
    if (!seen.equals(signature.subarray(0, seen.length))) continue;
    return seen.length < signature.length ? { kind: "more", atLeast: signature.length } : parse(bytes);
  }
  return { kind: "bad", reason: "the connection does not begin with a PROXY header" };
}
