import type { Address } from "../core/address.ts";
import { type Bind, type Listener, listen } from "../net/listen.ts";
import { boundedHttp } from "./bounded-http.ts";

export interface MetricsServerOptions {
  readonly listen: Address;
  /** Permission bits of a unix socket. */
  readonly unixMode: number;
  readonly bind?: Bind | undefined;
  /** Prometheus' text format. */
  text(): Promise<string>;
}

/** A scraper asks every few seconds: more at one time is an accident. */
const mostConnections = 16;

/**
 * Serves `GET /metrics`, and nothing else.
 *
 * @throws ListenError
 */
export async function serveMetrics(
  options: MetricsServerOptions,
): Promise<Pick<Listener, "address" | "close">> {
  const http = boundedHttp(
    (request, response) => {
      // whatever stands there, it may be no URL
      const [path] = (request.url ?? "").split("?", 1);
      if (path !== "/metrics") return void response.writeHead(404).end("only /metrics is served here\n");
      if (request.method !== "GET" && request.method !== "HEAD")
        return void response.writeHead(405, { allow: "GET, HEAD" }).end();
      options.text().then(
        (text) =>
          response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text),
        () => response.writeHead(500).end(),
      );
    },
    { connections: mostConnections },
  );
  const listener = await listen(options.listen, {
    ...{ unixMode: options.unixMode, bind: options.bind },
    onConnection: (socket) => http.serve(socket),
  });
  return {
    address: listener.address,
    close: () => {
      listener.close();
      http.close();
    },
  };
}
