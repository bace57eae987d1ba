/** Somebody to be asked about clients: an HTTP server of this process that a test gives its answers. */
import { once } from "node:events";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface Question {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly type: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface TestAuthorizer extends AsyncDisposable {
  readonly url: string;
  /** What it was asked so far. */
  readonly questions: readonly Question[];
}

export interface TestAuthorizerOptions {
  /** Speaks https, for localhost. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Listens on this unix socket. */
  readonly path?: string;
}

export async function startAuthorizer(
  answer: (question: Question, response: ServerResponse) => void,
  { tls, path }: TestAuthorizerOptions = {},
): Promise<TestAuthorizer> {
  const questions: Question[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // whoever asked has left
    }
    const facts = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const { method, url, headers } = request;
    const question: Question = { method, url, type: headers["content-type"], facts };
    questions.push(question);
    answer(question, response);
  };
  const server = tls ? createHttpsServer(tls, listener) : createServer(listener);
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  const port = path === undefined ? (server.address() as AddressInfo).port : 0;
  const url =
    path === undefined ? `${tls ? "https://localhost" : "http://127.0.0.1"}:${port}/ask` : `unix:${path}`;
  return {
    url,
    questions,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export function answerWith(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
