/** ClientHellos of real clients, and what can be made of them by hand: bytes that owe nothing to our reader. */
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { type ConnectionOptions, connect, type SecureContext, TLSSocket } from "node:tls";

/** The first flight of Node's own client, which is OpenSSL's, as it goes over the wire. */
export async function realHello(options: ConnectionOptions = {}): Promise<Buffer> {
  const [near, far] = duplexPair();
  const client = connect({ socket: near, rejectUnauthorized: false, ...options });
  client.on("error", () => {});
  const [hello] = await once(far, "data");
  client.destroy();
  far.destroy();
  return hello;
}

/** An extension of a hello: its type and its body. */
export type Extension = readonly [type: number, body: Buffer];

/** A hello in one record, taken apart. */
export interface HelloParts {
  /** Everything of the body before the extensions. */
  readonly head: Buffer;
  readonly extensions: readonly Extension[];
}

export function takeApart(hello: Buffer): HelloParts {
  const body = hello.subarray(9);
  let at = 34;
  at += 1 + body.readUInt8(at);
  at += 2 + body.readUInt16BE(at);
  at += 1 + body.readUInt8(at);
  const head = body.subarray(0, at);
  const extensions: Extension[] = [];
  for (at += 2; at < body.length; ) {
    const end = at + 4 + body.readUInt16BE(at + 2);
    extensions.push([body.readUInt16BE(at), body.subarray(at + 4, end)]);
    at = end;
  }
  return { head, extensions };
}

/** The handshake message, not in records yet. */
export function helloMessage({ head, extensions }: HelloParts): Buffer {
  const list = extensions.map(([type, body]) => Buffer.concat([number(type, 2), vector(2, body)]));
  const body = Buffer.concat([head, vector(2, ...list)]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

/** Cuts a handshake message into records of so many bytes. */
export function inRecords(message: Buffer, size = 2 ** 14): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size)
    records.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + size)));
  return Buffer.concat(records);
}

/** The message of a hello that is in one record. */
export function messageOf(hello: Buffer): Buffer {
  return hello.subarray(5);
}

/** The same hello with these server names instead of its own; none at all for an empty list. */
export function withNames(hello: Buffer, names: readonly (string | Buffer)[]): Buffer {
  const entries = names.map((name) =>
    Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name as string))]),
  );
  return withExtension(hello, 0, names.length > 0 ? vector(2, ...entries) : undefined);
}

/** The same hello with these application protocols. */
export function withAlpn(hello: Buffer, protocols: readonly (string | Buffer)[]): Buffer {
  const entries = protocols.map((protocol) => vector(1, Buffer.from(protocol as string)));
  return withExtension(hello, 16, protocols.length > 0 ? vector(2, ...entries) : undefined);
}

/** The same hello, one record, with another body of one extension, or without it. */
export function withExtension(hello: Buffer, type: number, body: Buffer | undefined): Buffer {
  const { head, extensions } = takeApart(hello);
  const others = extensions.filter(([one]) => one !== type);
  const all: readonly Extension[] = body ? [[type, body], ...others] : others;
  return inRecords(helloMessage({ head, extensions: all }));
}

/** A TLS vector: the length in so many bytes, then the contents. */
export function vector(lengthBytes: number, ...contents: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(contents);
  return Buffer.concat([number(bytes.length, lengthBytes), bytes]);
}

/** What OpenSSL made of a hello. */
export type Seen =
  | { readonly kind: "hello"; readonly serverName: string | undefined; readonly alpn: readonly string[] }
  | { readonly kind: "refused"; readonly code: string };

/**
 * Shows the first bytes of a connection to OpenSSL as a server, and tells what it read in them: it is interrupted as soon
 * as it begins to answer, which it does with an alert when it refuses them. What it waits for more of is refused too, after
 * `patience` milliseconds.
 */
export function askOpenssl(bytes: Buffer, context: SecureContext, patience = 200): Promise<Seen> {
  const [near, far] = duplexPair();
  return new Promise((resolve) => {
    let serverName: string | undefined;
    const settle = (seen: Seen) => {
      clearTimeout(timer);
      resolve(seen);
      // not inside its own callback
      setImmediate(() => {
        server.destroy();
        near.destroy();
        far.destroy();
      });
    };
    const timer = setTimeout(() => settle({ kind: "refused", code: "incomplete" }), patience);
    const server = new TLSSocket(near, {
      isServer: true,
      secureContext: context,
      SNICallback: (name, answer) => {
        serverName = name;
        answer(null);
      },
      ALPNCallback: ({ servername, protocols }) => {
        settle({ kind: "hello", serverName: servername || undefined, alpn: protocols });
        return undefined;
      },
    });
    server.on("error", (error: Error & { code?: string }) =>
      settle({ kind: "refused", code: error.code ?? "" }),
    );
    far.on("data", (answer: Buffer) => {
      const isAlert = answer[0] === 21;
      settle(isAlert ? { kind: "refused", code: "alert" } : { kind: "hello", serverName, alpn: [] });
    });
    far.on("error", () => {});
    far.write(bytes);
  });
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
