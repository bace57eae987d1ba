import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { formatAddress } from "../core/address.ts";
import { formatDuration } from "../core/units.ts";
import { describeSocketError } from "../net/socket-error.ts";
import type { Peer, PeerCheck, Refusal } from "./access.ts";
import { describeTlsError } from "./reasons.ts";

export interface AuthorizerOptions {
  /** `http:`, `https:` or `unix:` and the path of a socket. */
  readonly url: string;
  /** Milliseconds for question and answer together. */
  readonly timeout: number;
  /** PEM, for https; undefined for the system's. */
  readonly ca?: readonly string[] | undefined;
}

/** More than this is no answer. */
const longestAnswer = 64 * 1024;
/** Of the reason in an answer. */
const longestReason = 200;

/**
 * Asks another program about each peer: a POST with the facts, which must be answered with 2xx and `{"allow": true}`.
 * Everything else is a refusal: another answer, none in time, one that is too long or cannot be read, no connection.
 * Redirects are not followed and no proxy of the environment is used.
 */
export function authorizer(options: AuthorizerOptions): PeerCheck {
  const describe = options.url.startsWith("https:") ? describeTlsError : describeSocketError;
  return async (peer, signal) => {
    try {
      const answer = await post(JSON.stringify(factsOf(peer)), options, signal);
      return judgeAnswer(answer);
    } catch (error) {
      return {
        reason: `the authorizer gave no answer: ${describe(error)}`,
        label: "authorizer-failed",
      };
    }
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function judgeAnswer({ status, body }: Answer): Refusal | undefined {
  const failed = (what: string) => ({
    reason: `the authorizer gave no answer: ${what}`,
    label: "authorizer-failed",
  });
  if (status < 200 || status > 299) return failed(`status ${status}`);
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return failed("what came is no JSON");
  }
  if (typeof answer !== "object" || answer === null || !("allow" in answer))
    return failed('what came has no "allow"');
  if (answer.allow === true) return undefined;
  const why = "reason" in answer && typeof answer.reason === "string" ? answer.reason : "";
  const reason = why === "" ? "" : `: ${why.slice(0, longestReason)}`;
  return { reason: `the authorizer does not let the client in${reason}`, label: "authorizer-denied" };
}

/** What it is told: the names of the certificate each with its kind, and whether anybody has vouched for them. */
function factsOf({ session, identity, verification }: Peer) {
  return {
    session: session.id,
    tunnel: session.tunnel,
    client: formatAddress(session.client),
    local: formatAddress(session.local),
    serverName: session.serverName,
    alpn: session.alpn,
    tls: session.tls,
    psk: session.psk,
    certificate: identity && {
      verified: verification.result === "verified",
      subject: identity.subject,
      fingerprint: identity.fingerprint,
      spki: identity.spki,
      ...identity.names,
    },
  };
}

function post(body: string, options: AuthorizerOptions, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = open(options, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    });
    const end = (error: Error) => {
      settle();
      request.destroy();
      reject(error);
    };
    const late = () => end(new Error(`none within ${formatDuration(options.timeout)}`));
    const left = () => end(new Error("nobody waits for it any more"));
    const timer = setTimeout(late, options.timeout);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", left);
    };
    signal.addEventListener("abort", left);
    request.on("error", end);
    request.on("response", (response) => {
      read(response).then((text) => {
        settle();
        request.destroy();
        resolve({ status: response.statusCode ?? 0, body: text });
      }, end);
    });
    if (signal.aborted) left();
    else request.end(body);
  });
}

function open({ url, ca }: AuthorizerOptions, options: RequestOptions) {
  // a connection of its own for each question: one that is kept may be closed in the moment in which it is used
  const own = { ...options, agent: false } as const;
  if (url.startsWith("unix:"))
    return httpRequest({ ...own, socketPath: url.slice("unix:".length), host: "localhost", path: "/" });
  if (url.startsWith("http:")) return httpRequest(url, own);
  return httpsRequest(url, { ...own, ...(ca ? { ca: [...ca] } : {}), rejectUnauthorized: true });
}

function read(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > longestAnswer) reject(new Error(`it is longer than ${longestAnswer} bytes`));
    });
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    response.on("error", reject);
    response.on("close", () => reject(new Error("it ended before its end")));
  });
}
