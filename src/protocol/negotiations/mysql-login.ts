import { constants, createPrivateKey, generateKeyPairSync, privateDecrypt, publicEncrypt } from "node:crypto";
import type { Introduction, LinePeer } from "../../core/negotiation.ts";
import { loopback } from "../../core/network.ts";
import type { Session } from "../../core/session.ts";
import {
  capabilitiesOf,
  capability,
  errorPayload,
  headLength,
  type MysqlPacket,
  mysqlAnswers,
  packet,
  parseGreeting,
  parseResponse,
  readPacket,
  responsePayload,
} from "../mysql-packet.ts";
import { declined, unwelcome } from "./failure.ts";

/** What a target may lack although the client has it: nothing that is sent looks different without. */
const dispensable =
  capability.foundRows |
  capability.odbc |
  capability.localFiles |
  capability.ignoreSpace |
  capability.interactive |
  capability.ignoreSigpipe |
  capability.connectAttributes;

/** Rounds of questions and answers until an account is let in or not; real ones take up to four. */
const rounds = 16;
/** Of `caching_sha2_password`: what comes after the first byte of a "more" packet, and what a client asks in return. */
const sha2 = { plugin: "caching_sha2_password", knows: 3, wantsPassword: 4, keyWanted: 2 };

/**
 * How a client of MySQL or MariaDB logs in, once there is a target: both count their packets in one row, which differs by
 * what each has to say about TLS; so every packet gets a new number, until the target has decided. What comes then is
 * counted from 0 again, and is relayed as it is.
 */
export class MysqlLogin implements Introduction {
  readonly #session: Session;
  /** What the client has said first of itself, as an SSLRequest has it. */
  readonly head: Buffer;
  /** Absent: it follows inside TLS. */
  #response: MysqlPacket | undefined;

  constructor(session: Session, first: MysqlPacket, { isComplete }: { readonly isComplete: boolean }) {
    this.#session = session;
    this.head = first.payload.subarray(0, headLength);
    this.#response = isComplete ? first : undefined;
  }

  async connected(target: LinePeer, client: LinePeer): Promise<void> {
    this.#response ??= await readPacket(client);
    const { number, payload } = this.#response;
    const refuse = async (code: number, state: string, message: string): Promise<never> => {
      await client.dismiss(packet(number + 1, errorPayload(code, state, message)));
      throw unwelcome(`mysql: ${message}`);
    };
    const response = parseResponse(payload);
    if (!response) return refuse(1043, "08S01", "Bad handshake");
    const greeted = await readPacket(target);
    const greeting = parseGreeting(greeted.payload);
    if (!greeting) {
      const isError = greeted.payload[0] === mysqlAnswers.error;
      if (isError) await client.dismiss(packet(number + 1, greeted.payload));
      throw declined("the mysql server does not greet", greeted.payload.toString("latin1", 0, 120));
    }
    const capabilities = agreed(capabilitiesOf(response.head), greeting.capabilities);
    const missing = capabilities & ~greeting.capabilities & ~capability.longPassword;
    if (missing !== 0)
      await refuse(1043, "08S01", `the target lacks the capabilities 0x${(missing >>> 0).toString(16)}`);
    const tls = this.#session.targetTls ? capability.ssl : 0;
    await target.write(packet(greeted.number + 1, responsePayload(response, capabilities | tls)));
    await new Authentication({ target, client, next: number + 1, session: this.#session }).run();
  }

  async failed(client: LinePeer): Promise<void> {
    const { number } = this.#response ?? (await readPacket(client));
    await client.dismiss(packet(number + 1, errorPayload(1105, "HY000", "No target can be reached")));
  }
}

/** What a client can do, without what ends here, and without what the target can do without. */
export function agreed(client: number, target: number): number {
  return client & ~capability.ssl & ~capability.lengthEncodedAuth & (target | ~dispensable);
}

interface Ends {
  readonly target: LinePeer;
  readonly client: LinePeer;
  /** The number of the next packet to the client. */
  readonly next: number;
  readonly session: Session;
}

class Authentication {
  readonly #ends: Ends;
  #next: number;
  #plugin = "";
  #salt: Buffer = Buffer.alloc(0);

  constructor(ends: Ends) {
    this.#ends = ends;
    this.#next = ends.next;
  }

  async run(): Promise<void> {
    const { target, client } = this.#ends;
    for (let round = 0; round < rounds; round++) {
      const { number, payload } = await readPacket(target);
      await client.write(packet(this.#next, payload));
      const kind = payload[0];
      if (kind === mysqlAnswers.ok || kind === mysqlAnswers.error) return;
      if (kind === mysqlAnswers.authSwitch) this.#switch(payload);
      const isSha2 = this.#plugin === sha2.plugin && kind === mysqlAnswers.more && payload.length === 2;
      if (isSha2 && payload[1] === sha2.knows) {
        this.#next++;
        continue;
      }
      const answer = await readPacket(client);
      this.#next = answer.number + 1;
      if (isSha2 && payload[1] === sha2.wantsPassword) await this.#password(answer.payload, number + 1);
      else await target.write(packet(number + 1, answer.payload));
    }
    throw declined("the mysql server does not come to an end", "");
  }

  /** AuthSwitchRequest: the plugin's name, and its salt with a zero. */
  #switch(payload: Buffer): void {
    const end = payload.indexOf(0, 1);
    this.#plugin = payload.toString("latin1", 1, end < 0 ? payload.length : end);
    this.#salt = end < 0 ? Buffer.alloc(0) : payload.subarray(end + 1, end + 21);
  }

  /**
   * The target wants the password as it is. Who speaks TLS sends it so, who does not encrypts it for a key that it asks for;
   * where only one of the two ends speaks TLS, it has to be made what the other one expects.
   */
  async #password(answer: Buffer, number: number): Promise<void> {
    const { target, client, session } = this.#ends;
    const wantsKey = answer.length === 1 && answer[0] === sha2.keyWanted;
    if (wantsKey && session.targetTls) {
      const { key, pem } = keyPair();
      await client.write(packet(this.#next, Buffer.concat([Buffer.from([mysqlAnswers.more]), pem])));
      const encrypted = await readPacket(client);
      this.#next = encrypted.number + 1;
      await target.write(packet(number, this.#mix(decrypt(key, encrypted.payload))));
      return;
    }
    const address = session.target?.address;
    if (wantsKey || session.targetTls || address?.kind !== "tcp") return target.write(packet(number, answer));
    if (!loopback.contains(address)) {
      const message = "The password would leave this machine: the backend needs tls and negotiate: mysql";
      await client.dismiss(packet(this.#next, errorPayload(3159, "HY000", message)));
      throw unwelcome(`mysql: ${message}`);
    }
    await target.write(packet(number, Buffer.from([sha2.keyWanted])));
    const { number: last, payload } = await readPacket(target);
    const key = payload.subarray(1);
    await target.write(packet(last + 1, publicEncrypt({ key, ...padding }, this.#mix(answer))));
  }

  /** Passwords are mixed with the salt before they are encrypted, and that is undone in the same way. */
  #mix(bytes: Buffer): Buffer {
    const { length } = this.#salt;
    return Buffer.from(bytes.map((byte, at) => byte ^ (this.#salt[at % length] ?? 0)));
  }
}

const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING };
let made: { readonly key: string; readonly pem: Buffer } | undefined;

/** The process's own, for clients in the clear; made when the first one asks. */
function keyPair(): { readonly key: string; readonly pem: Buffer } {
  if (!made) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    made = {
      key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      pem: Buffer.from(publicKey.export({ type: "spki", format: "pem" })),
    };
  }
  return made;
}

function decrypt(key: string, bytes: Buffer): Buffer {
  try {
    return privateDecrypt({ key: createPrivateKey(key), ...padding }, bytes);
  } catch {
    throw unwelcome("the mysql client has sent a password that cannot be decrypted");
  }
}
