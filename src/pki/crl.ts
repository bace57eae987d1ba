import { createSecureContext } from "node:tls";
import { subjectKeyIdentifierOf, subjectOf } from "./certificate-parts.ts";
import { encodedSequence, integer, sequence, tagged, time } from "./der.ts";
import type { Certified } from "./dev-ca.ts";
import { authorityKeyIdentifier, crlNumber, crlReason } from "./extensions.ts";
import { type RevocationReason, revocationReasons } from "./revocation-reasons.ts";
import { pem, signatureAlgorithm, signed } from "./signed.ts";

export interface Revocation {
  /** Hexadecimal, as `X509Certificate.serialNumber` has it. */
  readonly serial: string;
  readonly date: Date;
  readonly reason?: RevocationReason | undefined;
}

export interface CrlOptions {
  /** Default: five minutes ago. */
  readonly thisUpdate?: Date;
  /** Default: 30 days from now. A checker refuses every certificate of the authority afterwards. */
  readonly nextUpdate?: Date;
  /** Grows with every list of the authority. */
  readonly number?: number;
}

/** A certificate revocation list, version 2, in PEM (RFC 5280, 5); read back by OpenSSL before it is returned. */
export function createCrl(
  authority: Certified,
  revoked: readonly Revocation[],
  options: CrlOptions = {},
): string {
  const now = Date.now();
  const thisUpdate = options.thisUpdate ?? new Date(now - 5 * 60_000);
  const nextUpdate = options.nextUpdate ?? new Date(now + 30 * 86_400_000);
  const identifier = subjectKeyIdentifierOf(authority.certificate);
  const entries = revoked.map(({ serial, date, reason }) =>
    sequence(
      integer(serialBytes(serial)),
      time(date),
      reason && sequence(crlReason(revocationReasons[reason])),
    ),
  );
  const toBeSigned = sequence(
    integer(1), // version 2
    signatureAlgorithm(authority.key),
    encodedSequence(subjectOf(authority.certificate)),
    time(thisUpdate),
    time(nextUpdate),
    // an empty list must be absent (RFC 5280, 5.1.2.6)
    entries.length > 0 ? sequence(...entries) : undefined,
    tagged(0, sequence(identifier && authorityKeyIdentifier(identifier), crlNumber(options.number ?? 1))),
  );
  const crl = pem("X509 CRL", signed(toBeSigned, authority.key));
  createSecureContext({ crl });
  return crl;
}

function serialBytes(serial: string): Buffer {
  if (!/^[0-9a-f]{1,40}$/i.test(serial))
    throw new RangeError(`"${serial}" is not a hexadecimal serial number`);
  const digits = serial.length % 2 === 0 ? serial : `0${serial}`;
  const bytes = Buffer.from(digits, "hex");
  // a leading one bit would make the number negative
  return bytes.readUInt8(0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]);
}
