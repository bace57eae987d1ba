/** What a certificate and its key can be like, by mistake or half written, and what is to be said about it. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import type { TestAuthority } from "./certificates.ts";

export interface BrokenPair {
  /** By name; `folder` and `circle` (a symbolic link to itself) stand for what is no file. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** The options that name them. Default: `cert: a.crt, key: a.key`. */
  readonly tls?: string;
  /** The option that the reason is about. Default: `cert`. */
  readonly option?: string;
  /** It names the file, and what helps. */
  readonly reason: RegExp;
}

const day = 86_400_000;
const passphrase = "correct horse battery staple";
const encrypted = "cert: a.crt, key: a.key, passphrase:";

const certificateRequest = `-----BEGIN CERTIFICATE REQUEST-----
MIHOMHYCAQAwFDESMBAGA1UEAwwJbmV4dC50ZXN0MFkwEwYHKoZIzj0CAQYIKoZI
zj0DAQcDQgAESlpil+yGoE17e3M1CSUpHEVZrOmmBof+NbuX8AnxazsBQAvbxOw2
nETJAUoASfbLuFlVw+AqY/JFnfWbdLo4cqAAMAoGCCqGSM49BAMCA0gAMEUCID8h
Xp9Gx8GtR8+Us4gZXXt0/r3A/ANypy5bOUf3PRZ2AiEAnLLwKx4MlgGmROmDFuDo
nAlgSp0vzxpOgW77as+MNQQ=
-----END CERTIFICATE REQUEST-----
`;

/** Each is broken in one way only. */
export function brokenPairs(authority: TestAuthority): Readonly<Record<string, BrokenPair>> {
  const cn = "next.test";
  const { cert, key, pfx } = authority.issue({ cn });
  const chain = authority.intermediate().issue({ cn });
  const locked = authority.issue({ cn, passphrase });
  const old = authority.issue({ cn, notBefore: new Date(Date.now() - 9 * day), days: 8 });
  const early = authority.issue({ cn, notBefore: new Date(Date.now() + day) });
  const shortKey = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const short = authority.issue({ cn, key: shortKey });
  const weak = authority.intermediate("Short", { key: shortKey }).issue({ cn });
  const pair = (crt: string | Buffer | undefined, pem: string | Buffer | undefined) => ({
    ...(crt === undefined ? {} : { "a.crt": crt }),
    ...(pem === undefined ? {} : { "a.key": pem }),
  });
  const badKey = (pem: string | Buffer | undefined, reason: RegExp): BrokenPair => ({
    files: pair(cert, pem),
    option: "key",
    reason,
  });
  const badCertificate = (crt: string | Buffer | undefined, reason: RegExp): BrokenPair => ({
    files: pair(crt, key),
    reason,
  });
  return {
    "the key of another": badKey(
      authority.issue().key,
      /the key in .*a\.key does not fit the certificate in .*a\.crt: name the two that were made together$/,
    ),
    "a key of another kind": badKey(
      authority.issue({ key: "rsa" }).key,
      /a\.key does not fit .*a\.crt: the certificate is for ECDSA P-256, the key is RSA 2048$/,
    ),
    "an empty certificate": badCertificate("", /a\.crt holds no PEM certificate: it is empty$/),
    "an empty key": badKey("", /a\.key holds no private key that can be read: it is empty$/),
    "text instead of a certificate": badCertificate("hello", /a\.crt holds no PEM certificate$/),
    "text instead of a key": badKey("hello", /a\.key holds no private key that can be read$/),
    "a certificate cut in half": badCertificate(
      cert.slice(0, cert.length / 2),
      /a\.crt holds no PEM certificate: it is cut off before END CERTIFICATE$/,
    ),
    "a key cut in half": badKey(
      key.slice(0, key.length / 2),
      /a\.key .*: it is cut off before END PRIVATE KEY$/,
    ),
    "a chain cut in its second certificate": {
      files: pair(chain.chain.slice(0, -300), chain.key),
      reason: /a\.crt is cut off: a certificate in it has no end$/,
    },
    "a chain without the certificate itself": {
      files: pair(chain.chain.slice(chain.cert.length), chain.key),
      option: "key",
      reason: /a\.crt: there are only authorities in it, the certificate itself is missing$/,
    },
    "a damaged certificate": badCertificate(
      cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
      /a\.crt holds a damaged certificate$/,
    ),
    "a damaged key": badKey(
      key.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
      /a\.key holds no private key that can be read$/,
    ),
    "an expired certificate": {
      files: pair(old.cert, old.key),
      reason: /a\.crt has expired on .* GMT$/,
    },
    "one that is not valid yet": {
      files: pair(early.cert, early.key),
      reason: /a\.crt is not valid before .* GMT$/,
    },
    "one with a short key": {
      files: pair(short.cert, short.key),
      reason: /a\.crt has a key that is too short, RSA 1024: have it issued for RSA 2048 or ECDSA P-256$/,
    },
    "one whose authority has a short key": {
      files: pair(weak.chain, weak.key),
      reason:
        /a\.crt holds an authority whose key is too short, RSA 1024: have the certificate issued by another one$/,
    },
    "a short key of the second of two": {
      files: { ...pair(cert, key), "b.crt": short.cert, "b.key": short.key },
      tls: "cert: a.crt, key: a.key, certificates: [ { cert: b.crt, key: b.key } ]",
      option: "certificates[0].cert",
      reason: /b\.crt has a key that is too short, RSA 1024: have it issued for RSA 2048 or ECDSA P-256$/,
    },
    "the two exchanged": {
      files: pair(key, cert),
      reason: /a\.crt holds no PEM certificate: it holds a private key$/,
    },
    "no certificate at all": badCertificate(undefined, /(cannot read|there is no file) .*a\.crt/),
    "no key at all": badKey(undefined, /(cannot read|there is no file) .*a\.key/),
    "a folder instead of a key": badKey("folder", /a\.key.*folder/),
    "a symbolic link to itself": badCertificate(
      "circle",
      /a\.crt.*: symbolic links lead round in a circle \(ELOOP\)$/,
    ),
    "a certificate in DER": badCertificate(
      derOf(cert),
      /a\.crt .*: it holds a certificate in DER: "openssl x509 -inform der -in FILE" writes it in PEM$/,
    ),
    "a key in DER": badKey(
      derOf(key),
      /a\.key .*: it holds a private key in DER: "openssl pkey -inform der -in FILE" writes it in PEM$/,
    ),
    "a certificate in UTF-16": badCertificate(
      Buffer.from(`\ufeff${cert}`, "utf16le"),
      /a\.crt .*: it is in UTF-16: save it as UTF-8$/,
    ),
    "a key whose line ends were lost in a variable": badKey(
      key.replaceAll("\n", "\\n"),
      /a\.key .*: it has "\\n" in place of its line ends$/,
    ),
    "a public key": badKey(
      createPublicKey(key).export({ type: "spki", format: "pem" }).toString(),
      /a\.key .*: it holds a public key: name the private one that belongs to it$/,
    ),
    "a certificate request": badCertificate(
      certificateRequest,
      /a\.crt .*: it holds a certificate request: name what the authority has made of it$/,
    ),
    "a revocation list": badCertificate(authority.crl([]), /a\.crt .*: it holds a revocation list$/),
    "PKCS#12 instead of a certificate": badCertificate(
      pfx(passphrase),
      /a\.crt .*: it holds PKCS#12: name it as "pfx"$/,
    ),
    "PKCS#12 that the passphrase does not open": {
      files: { "a.p12": pfx(passphrase) },
      tls: "pfx: a.p12, passphrase: wrong",
      option: "pfx",
      reason: /a\.p12: the passphrase does not open it$/,
    },
    "PKCS#12 that is cut off": {
      files: { "a.p12": pfx(passphrase).subarray(0, 500) },
      tls: `pfx: a.p12, passphrase: ${passphrase}`,
      option: "pfx",
      reason: /a\.p12: it is damaged, or no PKCS#12$/,
    },
    "an encrypted key without a passphrase": {
      files: pair(locked.cert, locked.key),
      option: "key",
      reason: /a\.key is encrypted: it needs a "passphrase"$/,
    },
    "an encrypted key that the passphrase does not open": {
      files: pair(locked.cert, locked.key),
      tls: `${encrypted} wrong`,
      option: "passphrase",
      reason: /the passphrase does not open .*a\.key$/,
    },
  };
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----.*-----/g, ""), "base64");
}
