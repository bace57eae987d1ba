// The fixed reference: the proxy one writes first, with Node's pipe() and no limits, timeouts or log. Not for use.
//
//   naive-proxy.ts '[{ "port": 1, "cert"?: FILE, "key"?: FILE, "target": 2, "ca"?: FILE }, …]'
import { readFileSync } from "node:fs";
import * as net from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";

interface Way {
  readonly port: number;
  readonly cert?: string;
  readonly key?: string;
  readonly target: number;
  readonly ca?: string;
}

for (const way of JSON.parse(process.argv[2] ?? "[]") as Way[]) listen(way);

function listen({ port, cert, key, target, ca }: Way): void {
  const trust = ca === undefined ? undefined : tls.createSecureContext({ ca: readFileSync(ca) });
  const dial = (): Duplex =>
    trust
      ? tls.connect({ host: "127.0.0.1", port: target, servername: "localhost", secureContext: trust })
      : net.connect({ host: "127.0.0.1", port: target, noDelay: true });
  const relay = (client: Duplex) => {
    const server = dial();
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
    client.pipe(server).pipe(client);
  };
  const server =
    cert !== undefined && key !== undefined
      ? tls.createServer(
          { cert: readFileSync(cert), key: readFileSync(key), minVersion: "TLSv1.3", noDelay: true },
          relay,
        )
      : net.createServer({ noDelay: true }, relay);
  server.on("tlsClientError", () => {});
  server.listen({ host: "127.0.0.1", port, backlog: 4096 });
}
