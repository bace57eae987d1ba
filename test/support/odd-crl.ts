/** CRLs that no authority should make, to see what is made of them. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { subjectOf } from "../../src/pki/certificate-parts.ts";
import {
  type Der,
  encode,
  encodedSequence,
  integer,
  octets,
  oid,
  sequence,
  tagged,
  time,
  truth,
} from "../../src/pki/der.ts";
import { signatureAlgorithm, signed } from "../../src/pki/signed.ts";
import type { TestAuthority } from "./certificates.ts";

export interface OddCrl {
  /** 0 for version 1, which is absent in DER; default 1 for version 2. */
  readonly version?: number;
  readonly extensions?: readonly Der[];
  readonly entries?: readonly Der[];
  readonly thisUpdate?: Date;
  /** null: left out. */
  readonly nextUpdate?: Date | null;
  /** Who signs it; default: the authority in whose name it is. */
  readonly key?: KeyObject;
}

export function oddCrl(authority: TestAuthority, odd: OddCrl = {}): Buffer {
  const { version = 1, extensions = [], entries = [], key = createPrivateKey(authority.key) } = odd;
  const thisUpdate = odd.thisUpdate ?? new Date(Date.now() - 60_000);
  const nextUpdate = odd.nextUpdate === undefined ? new Date(Date.now() + 3_600_000) : odd.nextUpdate;
  return signed(
    sequence(
      version === 0 ? undefined : integer(version),
      signatureAlgorithm(key),
      encodedSequence(subjectOf(authority.certificate)),
      time(thisUpdate),
      nextUpdate === null ? undefined : time(nextUpdate),
      entries.length > 0 ? sequence(...entries) : undefined,
      extensions.length > 0 ? tagged(0, sequence(...extensions)) : undefined,
    ),
    key,
  );
}

export function extension(id: string, value: Der, { critical = false } = {}): Der {
  return sequence(oid(id), critical ? truth() : undefined, octets(encode(value)));
}

export function entry(serial: string, ...extensions: readonly Der[]): Der {
  const bytes = Buffer.from(serial.padStart(serial.length + (serial.length % 2), "0"), "hex");
  const list = extensions.length > 0 ? sequence(...extensions) : undefined;
  return sequence(integer(bytes), time(new Date("2026-01-02T03:04:05Z")), list);
}
