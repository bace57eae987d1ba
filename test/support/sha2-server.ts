/** As much of MySQL 8 as a login with `caching_sha2_password` is, for an account that the server has not seen yet. */
import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { TestCertificate } from "./certificates.ts";
import { startTarget } from "./echo.ts";

export interface Sha2Server extends AsyncDisposable {
  readonly port: number;
  /** The passwords that it has learned. */
  readonly passwords: readonly string[];
}

const salt = Buffer.from("abcdefghijklmnopqrst");
const capabilities = 0x01fff7ff;
const tlsBit = 0x800;
const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

/** With an identity it takes clients with TLS only, and otherwise it has none. */
export async function startSha2Server(identity?: TestCertificate): Promise<Sha2Server> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const passwords: string[] = [];
  const serve = async (socket: Socket) => {
    let wire: Socket = socket;
    let rest = Buffer.alloc(0);
    const read = async (): Promise<{ number: number; payload: Buffer }> => {
      while (rest.length < 4 || rest.length < 4 + rest.readUIntLE(0, 3)) {
        let piece = wire.read();
        if (piece === null) {
          await once(wire, "readable");
          piece = wire.read();
        }
        if (piece === null) throw new Error("the client left");
        rest = Buffer.concat([rest, piece]);
      }
      const end = 4 + rest.readUIntLE(0, 3);
      const found = { number: rest[3] ?? 0, payload: rest.subarray(4, end) };
      rest = rest.subarray(end);
      return found;
    };
    const write = (number: number, payload: Uint8Array) => {
      wire.write(
        Buffer.concat([Buffer.from([payload.length & 255, payload.length >> 8, 0, number]), payload]),
      );
    };
    write(0, greeting(identity ? capabilities | tlsBit : capabilities));
    let { number } = await read();
    if (identity) {
      // TLS may have begun already
      socket.unshift(rest);
      rest = Buffer.alloc(0);
      wire = new TLSSocket(socket, { isServer: true, cert: identity.chain, key: identity.key });
      ({ number } = await read());
    }
    write(
      number + 1,
      Buffer.concat([Buffer.from("\xfecaching_sha2_password\0", "latin1"), salt, Buffer.from([0])]),
    );
    ({ number } = await read());
    write(number + 1, Buffer.from([1, 4]));
    let answer = await read();
    if (!identity) {
      if (answer.payload.toString("hex") !== "02")
        throw new Error("the client sends its password in the clear");
      const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
      write(answer.number + 1, Buffer.from(`\x01${pem}`));
      answer = await read();
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      const mixed = privateDecrypt({ key: privateKey, padding }, answer.payload);
      answer.payload = Buffer.from(mixed.map((byte, at) => byte ^ (salt[at % 20] ?? 0)));
    }
    passwords.push(answer.payload.toString("latin1").replace(/\0$/, ""));
    write(answer.number + 1, ok);
    // whatever is asked, nothing comes of it
    for (;;) write((await read()).number + 1, ok);
  };
  const target = await startTarget((socket) => {
    serve(socket).catch(() => socket.destroy());
  });
  return { port: target.port, passwords, [Symbol.asyncDispose]: target.close };
}

function greeting(bits: number): Buffer {
  const fixed = Buffer.from("0100000061626364656667680000002d02000000150000000000000000000000", "hex");
  fixed.writeUInt16LE(bits & 0xffff, 13);
  fixed.writeUInt16LE(bits >>> 16, 18);
  const names = Buffer.from("\n8.4.0\0", "latin1");
  return Buffer.concat([
    names,
    fixed.subarray(0, 31),
    salt.subarray(8),
    Buffer.from("\0caching_sha2_password\0"),
  ]);
}
