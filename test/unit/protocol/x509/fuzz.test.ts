/**
 * Whatever a peer, a responder or a damaged file brings: the readers end with an error of their own, soon, and a damaged list or answer
 * never becomes an approval of a certificate that the whole one says is revoked. The seed is fixed; 70,000 inputs in all.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { DerError } from "../../../../src/core/der.ts";
import { sequence, tagged, taggedBytes } from "../../../../src/pki/der.ts";
import { readCertificate } from "../../../../src/protocol/x509/certificate.ts";
import { CrlError, parseCrl } from "../../../../src/protocol/x509/crl.ts";
import { crlPointsOf } from "../../../../src/protocol/x509/distribution-points.ts";
import { nameText } from "../../../../src/protocol/x509/name.ts";
import { ocspRespondersOf } from "../../../../src/protocol/x509/ocsp-responders.ts";
import { OcspError, parseOcspResponse } from "../../../../src/protocol/x509/ocsp-response.ts";
import { openCertificate } from "../../../../src/tls/revocation/certificate.ts";
import { CrlCheck } from "../../../../src/tls/revocation/crl-check.ts";
import { judgeOcspResponse } from "../../../../src/tls/revocation/ocsp-verdict.ts";
import { testAuthority } from "../../../support/certificates.ts";
import { oddAnswer } from "../../../support/ocsp.ts";
import { extension, oddCrl } from "../../../support/odd-crl.ts";
import { mutated } from "../../../support/proxy-header.ts";

const authority = testAuthority("Issuer");
const leaf = authority.issue({ ocspUrl: "http://ocsp.test/", crlUrl: "http://crl.test/" });
const others = [1, 2, 3].map(() => authority.issue());
const delegate = authority.issue({ cn: "responder", usage: "ocsp" });
const certificate = openCertificate(leaf.cert);
const issuer = openCertificate(authority.cert);

const pem = (text: string) => Buffer.from(text.replaceAll(/-----[^-]+-----/g, ""), "base64");
const point = sequence(tagged(0, tagged(0, taggedBytes(6, Buffer.from("http://crl.test/")))));
const crls = [
  pem(authority.crl([leaf, ...others].map((one) => ({ ...one, reason: "keyCompromise" as const })))),
  pem(authority.crl([leaf])),
];
const scoped = oddCrl(authority, { extensions: [extension("2.5.29.28", point, { critical: true })] });
const revokedAnswers = [
  oddAnswer({ authority, about: leaf, status: "revoked", nonce: Buffer.alloc(16, 1) }),
  oddAnswer({
    authority,
    about: leaf,
    status: "revoked",
    signer: delegate,
    certificates: [Buffer.from(delegate.certificate.raw)],
  }),
];

const seed = 20_261_127;
/** Twice as often damaged once as damaged twice. */
const damaged = (valid: readonly Buffer[]) => {
  const once = mutated(fc.constantFrom(...valid));
  return fc.oneof(once, once, mutated(once));
};

/** Runs `read` on so many damaged inputs; nothing but `expected` may come out of it. */
function fuzz(
  valid: readonly Buffer[],
  numRuns: number,
  read: (bytes: Buffer) => void,
  expected: new () => Error,
): void {
  let read1 = 0;
  fc.assert(
    fc.property(damaged(valid), (bytes) => {
      try {
        read(bytes);
        read1++;
      } catch (error) {
        if (!(error instanceof expected)) throw error;
      }
    }),
    { numRuns, seed },
  );
  assert.ok(
    read1 > 0 && read1 < numRuns,
    `${read1} of ${numRuns} were read: the damage is too small or too great`,
  );
}

suite("damaged DER", () => {
  test("certificates", () => {
    const valid = [leaf, authority, delegate].map(({ certificate: { raw } }) => Buffer.from(raw));
    const read = (bytes: Buffer) => {
      const { issuer: name, subject, extensions } = readCertificate(bytes);
      for (const part of [name, subject]) nameText(part);
      ocspRespondersOf(extensions);
      crlPointsOf(extensions);
    };
    fuzz(valid, 20_000, read, DerError as new () => Error);
  });

  test("lists", () => {
    fuzz([...crls, scoped], 20_000, parseCrl, CrlError as new () => Error);
  });

  test("answers", () => {
    fuzz(revokedAnswers, 20_000, parseOcspResponse, OcspError as new () => Error);
  });

  test("a damaged list lets no revoked certificate in", () => {
    let judged = 0;
    fc.assert(
      fc.property(damaged(crls), (bytes) => {
        try {
          const crl = parseCrl(bytes);
          const check = new CrlCheck([{ crl, source: "damaged", issuer: "damaged", digest: "" }]);
          judged++;
          return check.judge(certificate, issuer) !== undefined;
        } catch (error) {
          if (error instanceof CrlError || error instanceof DerError) return true;
          throw error;
        }
      }),
      { numRuns: 5000, seed },
    );
    assert.ok(judged > 0);
  });

  test("a damaged answer approves of no revoked certificate", () => {
    fc.assert(
      fc.property(damaged(revokedAnswers), (bytes) => {
        try {
          return judgeOcspResponse(bytes, { certificate, issuer }).status === "revoked";
        } catch (error) {
          if (error instanceof OcspError) return true;
          throw error;
        }
      }),
      { numRuns: 5000, seed },
    );
  });

  test("a megabyte of nonsense and 50,000 levels of nesting are refused at once", () => {
    const many = Buffer.concat([Buffer.from("30820000", "hex"), Buffer.alloc(1_000_000, 0x30)]);
    assert.throws(() => parseCrl(many), CrlError);
    const nested = Buffer.from("3080".repeat(50_000), "hex");
    assert.throws(() => parseCrl(nested), CrlError);
    assert.throws(() => parseOcspResponse(nested), OcspError);
    assert.throws(() => readCertificate(nested), DerError);
  });
});
