/**
 * stunnel once took the answer for a revoked certificate as an approval (CVE-2008-2420). An answer counts only when it is signed by
 * the issuer or by whom the issuer has entrusted with it, about this certificate, of now, and, where asked, to this question.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { nothing } from "../../../../src/pki/der.ts";
import { encodeOcspRequest } from "../../../../src/protocol/x509/ocsp-request.ts";
import { OcspError } from "../../../../src/protocol/x509/ocsp-response.ts";
import { openCertificate } from "../../../../src/tls/revocation/certificate.ts";
import { judgeOcspResponse, type OcspQuestion } from "../../../../src/tls/revocation/ocsp-verdict.ts";
import { type TestCertificate, testAuthority, writeFiles } from "../../../support/certificates.ts";
import { type IndexEntry, type OpensslResponder, oddAnswer, opensslAnswer } from "../../../support/ocsp.ts";
import { extension } from "../../../support/odd-crl.ts";
import { openssl } from "../../../support/openssl.ts";
import { requires } from "../../../support/requires.ts";

const hour = 3_600_000;
const authority = testAuthority("Issuer");
const issuer = openCertificate(authority.cert);
const [good, revoked, unknown] = [authority.issue(), authority.issue(), authority.issue()];
const index: readonly IndexEntry[] = [good, { ...revoked, revoked: true }];
const delegate = authority.issue({ cn: "responder", usage: "ocsp" });

function question(about: TestCertificate, more: Partial<OcspQuestion> = {}): OcspQuestion {
  return { certificate: openCertificate(about.cert), issuer, ...more };
}

function requestFor(about: TestCertificate, nonce?: Buffer): Buffer {
  const { certificate } = question(about);
  return encodeOcspRequest({ certificate: certificate.fields, issuer: issuer.fields }, nonce);
}

/** What we make of openssl's answer about a certificate. */
function ask(
  about: TestCertificate,
  responder: Partial<OpensslResponder> = {},
  more: Partial<OcspQuestion> = {},
) {
  const answer = opensslAnswer(requestFor(about, more.nonce), { authority, index, ...responder });
  return judgeOcspResponse(answer, question(about, more));
}

const refuses = (act: () => unknown, says: RegExp) =>
  assert.throws(act, (error) => error instanceof OcspError && says.test(error.message));

suite("answers of openssl's responder", requires("openssl"), () => {
  test("openssl reads our request, with a nonce and without", () => {
    for (const nonce of [undefined, Buffer.alloc(16, 7)]) {
      using files = writeFiles({ "request.der": requestFor(good, nonce) });
      const { text } = openssl("ocsp", "-reqin", files.path("request.der"), "-req_text", "-noverify");
      assert.match(text, new RegExp(`Serial Number: ${good.certificate.serialNumber}`));
      assert.equal(/OCSP Nonce/.test(text), nonce !== undefined);
    }
  });

  for (const [who, signer] of Object.entries({ issuer: authority, "the issuer's responder": delegate }))
    for (const args of [[], ["-resp_key_id"], ["-rmd", "sha512"]])
      test(`good, revoked and unknown, signed by ${who} ${args.join(" ")}`, () => {
        const responder = { signer, args: ["-nmin", "5", ...args] };
        const answers = [good, revoked, unknown].map((about) => ask(about, responder));
        assert.deepEqual(
          answers.map(({ status }) => status),
          ["good", "revoked", "unknown"],
        );
        assert.deepEqual(
          [answers[1]?.revokedAt, answers[1]?.reason],
          [new Date("2026-01-02T03:04:05Z"), "keyCompromise"],
        );
        const { until, thisUpdate } = answers[0] ?? assert.fail();
        assert.equal(until.getTime() - thisUpdate.getTime(), 5 * 60_000);
      });

  test("an RSA authority's answer", () => {
    const rsa = testAuthority("RSA", { key: "rsa" });
    const leaf = rsa.issue();
    const asked = { certificate: openCertificate(leaf.cert), issuer: openCertificate(rsa.cert) };
    for (const args of [[], ["-rsigopt", "rsa_padding_mode:pss", "-rsigopt", "rsa_pss_saltlen:32"]]) {
      const request = encodeOcspRequest({
        certificate: asked.certificate.fields,
        issuer: asked.issuer.fields,
      });
      const answer = opensslAnswer(request, {
        authority: rsa,
        index: [leaf],
        args: ["-nmin", "5", "-rmd", "sha256", ...args],
      });
      assert.equal(judgeOcspResponse(answer, asked).status, "good");
    }
  });

  test("an answer without an end counts for a minute", () => {
    const { thisUpdate, until } = ask(good, { args: [] });
    assert.equal(until.getTime() - thisUpdate.getTime(), 60_000);
    refuses(
      () => ask(good, { args: [] }, { now: new Date(Date.now() + hour) }),
      /is of 20\S+, which is too old/,
    );
  });

  test("an answer that has expired is none", () => {
    refuses(
      () => ask(good, { args: ["-nmin", "1"] }, { now: new Date(Date.now() + hour) }),
      /^has expired on 20/,
    );
    refuses(
      () => ask(revoked, { args: ["-ndays", "1"] }, { now: new Date(Date.now() + 25 * hour) }),
      /^has expired on 20/,
    );
    // clocks differ a little
    assert.equal(ask(good, { args: ["-nmin", "1"] }, { now: new Date(Date.now() + 180_000) }).status, "good");
  });

  test("an answer of the future is none", () => {
    refuses(() => ask(good, {}, { now: new Date(Date.now() - hour) }), /is of the future/);
  });

  test("a nonce must come back, and the same", () => {
    const nonce = Buffer.alloc(16, 7);
    assert.equal(ask(good, {}, { nonce }).status, "good");
    const answer = opensslAnswer(requestFor(good), { authority, index });
    refuses(() => judgeOcspResponse(answer, question(good, { nonce })), /does not repeat the nonce/);
    const replayed = opensslAnswer(requestFor(good, Buffer.alloc(16, 8)), { authority, index });
    refuses(() => judgeOcspResponse(replayed, question(good, { nonce })), /has another nonce/);
  });

  test("an answer about another certificate is none", () => {
    const answer = opensslAnswer(requestFor(good), { authority, index });
    refuses(() => judgeOcspResponse(answer, question(revoked)), /about another certificate/);
  });

  const signers: Readonly<Record<string, readonly [() => Partial<OpensslResponder>, RegExp]>> = {
    "somebody else": [
      () => ({ signer: testAuthority("Others") }),
      /by a certificate that the issuer has not issued/,
    ],
    "somebody else of the issuer's name": [
      () => ({ signer: testAuthority("Issuer") }),
      /has a wrong signature/,
    ],
    "a certificate of the issuer for servers": [
      () => ({ signer: authority.issue({ cn: "responder", usage: "server" }) }),
      /not made for it \(OCSPSigning\)/,
    ],
    "a certificate of the issuer for anything": [
      () => ({ signer: authority.issue({ cn: "responder", usage: "any" }) }),
      /not made for it \(OCSPSigning\)/,
    ],
    "another issuer's responder": [
      () => ({ signer: testAuthority("Others").issue({ cn: "responder", usage: "ocsp" }) }),
      /the issuer has not issued/,
    ],
    "a responder of another issuer of the same name": [
      () => ({ signer: testAuthority("Issuer").issue({ cn: "responder", usage: "ocsp" }) }),
      /the issuer has not issued/,
    ],
    "a responder below an authority of the issuer": [
      () => ({ signer: authority.intermediate("Below").issue({ cn: "responder", usage: "ocsp" }) }),
      /the issuer has not issued/,
    ],
    "a responder whose certificate has expired": [
      () => ({
        signer: authority.issue({
          cn: "responder",
          usage: "ocsp",
          notBefore: new Date(Date.now() - 50 * hour),
          days: 1,
        }),
      }),
      /by a certificate that has expired/,
    ],
    "a responder that must not sign": [
      () => ({ signer: authority.issue({ cn: "responder", usage: "ocsp", keyUsage: ["keyAgreement"] }) }),
      /must not sign/,
    ],
    "a responder that does not show its certificate": [
      () => ({ signer: delegate, args: ["-nmin", "5", "-resp_no_certs"] }),
      /somebody that neither is the issuer nor shows/,
    ],
    "a damaged signature": [() => ({ args: ["-nmin", "5", "-badsig"] }), /has a wrong signature/],
  };
  for (const [what, [responder, says]] of Object.entries(signers))
    test(`the answer of ${what} is none`, () => refuses(() => ask(revoked, responder()), says));
});

suite("answers that openssl does not give", () => {
  const judge = (odd: Partial<Parameters<typeof oddAnswer>[0]>, more: Partial<OcspQuestion> = {}) =>
    judgeOcspResponse(oddAnswer({ authority, about: good, ...odd }), question(good, more));

  test("ours is one that is taken", () => {
    assert.equal(judge({}).status, "good");
    assert.equal(judge({ status: "revoked" }).reason, "keyCompromise");
    const certificates = [Buffer.from(delegate.certificate.raw)];
    assert.equal(judge({ signer: delegate, certificates }).status, "good");
  });

  test("the issuer may be named by SHA-256", () => {
    assert.equal(judge({ hash: "sha256" }).status, "good");
    refuses(() => judge({ hash: "sha512" }), /about another certificate/);
  });

  test("the responder's certificate need not be the first one", () => {
    const certificates = [good, delegate].map(({ certificate }) => Buffer.from(certificate.raw));
    assert.equal(judge({ signer: delegate, certificates }).status, "good");
  });

  test("one with an unknown critical extension is none", () => {
    const critical = [extension("1.2.3.4", nothing(), { critical: true })];
    refuses(() => judge({ extensions: critical }), /critical extension 1\.2\.3\.4/);
    refuses(() => judge({ singleExtensions: critical }), /critical extension 1\.2\.3\.4/);
    assert.equal(judge({ extensions: [extension("1.2.3.4", nothing())] }).status, "good");
  });

  test("one that ends before it begins is none", () => {
    const [thisUpdate, nextUpdate] = [new Date(Date.now() - 60_000), new Date(Date.now() - 120_000)];
    refuses(() => judge({ thisUpdate, nextUpdate }), /ends before it begins/);
  });

  test("one that was made in the future is none", () => {
    refuses(() => judge({ producedAt: new Date(Date.now() + hour) }), /is of the future/);
  });

  test("errors are told by their name", () => {
    for (const [code, name] of [
      [1, "malformedRequest"],
      [3, "tryLater"],
      [6, "unauthorized"],
      [9, "status 9"],
    ])
      refuses(
        () => judgeOcspResponse(Buffer.from([0x30, 3, 10, 1, Number(code)]), question(good)),
        new RegExp(`^is an error: ${name}$`),
      );
  });

  test("what is no answer at all is none", () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from("<html>"), Buffer.from("3003020100", "hex")])
      refuses(() => judgeOcspResponse(bytes, question(good)), /^cannot be read/);
  });
});
