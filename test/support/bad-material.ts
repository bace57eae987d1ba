/** TLS material of every kind that cannot be used, and what is to be said about it. */
import { testAuthority } from "./certificates.ts";

const day = 86_400_000;
export const authority = testAuthority();
const good = authority.issue();
const passphrase = "correct horse battery staple";
const encrypted = authority.issue({ passphrase });

const expired = authority.issue({ notBefore: new Date(Date.now() - 9 * day), days: 8 });
const future = authority.issue({ notBefore: new Date(Date.now() + day) });

/** Beside the configuration. */
export const files = {
  "good.crt": good.chain,
  "good.key": good.key,
  "other.key": authority.issue().key,
  "encrypted.crt": encrypted.chain,
  "encrypted.key": encrypted.key,
  "pass.txt": `${passphrase}\n`,
  "wrong.txt": "Tr0ub4dor&3\n",
  "good.p12": good.pfx(passphrase),
  "expired.crt": expired.chain,
  "expired.key": expired.key,
  "future.crt": future.chain,
  "future.key": future.key,
  "damaged.crt": good.cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
  "damaged.key": good.key.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
  "damaged.p12": good.pfx(passphrase).subarray(0, 500),
  "text.txt": "this is no PEM\n",
};
/** One that is good. */
export const identity = "cert: good.crt, key: good.key";

export type MaterialCase = readonly [
  side: "frontend" | "backend",
  tls: string,
  option: string,
  message: RegExp,
];

/** A `tls` block that cannot be used, the option that the message must name, and the message. */
export const faults: Readonly<Record<string, MaterialCase>> = {
  "an encrypted key without a passphrase": [
    "frontend",
    "cert: encrypted.crt, key: encrypted.key",
    "key",
    /encrypted\.key is encrypted: it needs a "passphrase"$/,
  ],
  "a wrong passphrase": [
    "frontend",
    'cert: encrypted.crt, key: encrypted.key, passphrase: "Tr0ub4dor&3"',
    "passphrase",
    /the passphrase does not open .*encrypted\.key$/,
  ],
  "a wrong passphrase in a file": [
    "frontend",
    "cert: encrypted.crt, key: encrypted.key, passphrase: { file: wrong.txt }",
    "passphrase",
    /the passphrase does not open .*encrypted\.key$/,
  ],
  "a key of another certificate": [
    "frontend",
    "cert: good.crt, key: other.key",
    "key",
    /the key in .*other\.key does not fit the certificate in .*good\.crt: name the two that were made together$/,
  ],
  "an expired certificate": [
    "frontend",
    "cert: expired.crt, key: expired.key",
    "cert",
    /expired\.crt has expired on .* GMT$/,
  ],
  "a certificate of tomorrow": [
    "frontend",
    "cert: future.crt, key: future.key",
    "cert",
    /future\.crt is not valid before .* GMT$/,
  ],
  "a damaged certificate": [
    "frontend",
    "cert: damaged.crt, key: good.key",
    "cert",
    /damaged\.crt holds a damaged certificate$/,
  ],
  "a certificate file with something else in it": [
    "frontend",
    "cert: good.key, key: good.key",
    "cert",
    /good\.key holds no PEM certificate: it holds a private key$/,
  ],
  "a damaged key": [
    "frontend",
    "cert: good.crt, key: damaged.key",
    "key",
    /damaged\.key holds no private key that can be read$/,
  ],
  "a key file with something else in it": [
    "frontend",
    "cert: good.crt, key: good.crt",
    "key",
    /good\.crt holds no private key that can be read: it holds a certificate$/,
  ],
  "a PKCS#12 file without its passphrase": [
    "frontend",
    "pfx: good.p12",
    "pfx",
    /good\.p12: the passphrase does not open it$/,
  ],
  "a damaged PKCS#12 file": [
    "frontend",
    `pfx: damaged.p12, passphrase: ${passphrase}`,
    "pfx",
    /damaged\.p12: it is damaged, or no PKCS#12$/,
  ],
  "authorities of clients that are none": [
    "frontend",
    `${identity}, client: { ca: text.txt }`,
    "client.ca",
    /text\.txt holds no PEM certificate$/,
  ],
  "an unknown cipher": [
    "frontend",
    `${identity}, ciphers: "TLS_AES_128_GCM_SHA256:ROT13"`,
    "ciphers",
    /OpenSSL knows no such cipher: ROT13$/,
  ],
  "an unknown cipher among known ones": [
    "frontend",
    `${identity}, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES265-GCM-SHA384:!aNULL"`,
    "ciphers",
    /OpenSSL knows no such cipher: ECDHE-ECDSA-AES265-GCM-SHA384$/,
  ],
  "a list that removes everything": [
    "frontend",
    `${identity}, ciphers: "!aNULL"`,
    "ciphers",
    /OpenSSL knows no such cipher list: /,
  ],
  "an unknown group": [
    "frontend",
    `${identity}, groups: [ X25519, X25518 ]`,
    "groups",
    /OpenSSL knows no such group/,
  ],
  "authorities of targets that are none": [
    "backend",
    "ca: text.txt",
    "ca",
    /text\.txt holds no PEM certificate$/,
  ],
  "a client key that does not fit": [
    "backend",
    "cert: good.crt, key: other.key",
    "key",
    /the key in .*other\.key does not fit the certificate in .*good\.crt: name the two that were made together$/,
  ],
  "an unknown cipher towards targets": [
    "backend",
    "ciphers: ROT13",
    "ciphers",
    /OpenSSL knows no such cipher: ROT13$/,
  ],
  "an unknown group towards targets": [
    "backend",
    "groups: [ X25518 ]",
    "groups",
    /OpenSSL knows no such group/,
  ],
};
