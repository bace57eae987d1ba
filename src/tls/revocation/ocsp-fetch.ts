import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { formatDuration } from "../../core/units.ts";
import { describeSocketError } from "../../net/socket-error.ts";
import { OcspError } from "../../protocol/x509/ocsp-response.ts";

/** Bytes; an answer with its certificates has a few thousand. */
const longestAnswer = 64 * 1024;

/**
 * Asks a responder (RFC 6960, appendix A): one POST, no redirects, everything within `timeout` milliseconds.
 *
 * @throws OcspError, and nothing else
 */
export function fetchOcsp(
  url: URL,
  { request, timeout }: { request: Buffer; timeout: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const fail = (what: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(new OcspError(`of ${url.origin} ${what}`, { cause }));
      exchange.destroy();
    };
    const headers = { "content-type": "application/ocsp-request", "content-length": request.length };
    const exchange = send(url, { method: "POST", headers, agent: false }, (answer) => {
      if (answer.statusCode !== 200) return fail(`is HTTP status ${answer.statusCode}`);
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > longestAnswer) fail(`has more than ${longestAnswer} bytes`);
        else chunks.push(chunk);
      });
      answer.on("error", (error) => fail(`was cut off: ${describeSocketError(error)}`, error));
      answer.on("end", () => {
        clearTimeout(timer);
        resolve(Buffer.concat(chunks));
      });
    });
    const timer = setTimeout(() => fail(`did not come within ${formatDuration(timeout)}`), timeout);
    exchange.on("error", (error) => fail(`did not come: ${describeSocketError(error)}`, error));
    exchange.end(request);
  });
}
