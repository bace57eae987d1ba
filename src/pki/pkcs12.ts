import type { X509Certificate } from "node:crypto";
import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import forge from "node-forge";
import type { Der } from "./der.ts";
import { bmp, encode, integer, nothing, octets, oid, sequence, set, tagged, taggedBytes } from "./der.ts";
import type { Certified } from "./dev-ca.ts";

export interface Pkcs12Options {
  /** Protects key, certificates and integrity. */
  readonly passphrase: string;
  /** The issuers, nearest first; a reader takes them as the chain. */
  readonly authorities?: readonly X509Certificate[];
  /** Shown by key stores that list what they hold. */
  readonly friendlyName?: string;
}

/** Ten times what OpenSSL writes by default; the integrity key is derived in JavaScript, more would be felt. */
const iterations = 20_480;

const data = "1.2.840.113549.1.7.1";
const encryptedData = "1.2.840.113549.1.7.6";
const shroudedKeyBag = "1.2.840.113549.1.12.10.1.2";
const certificateBag = "1.2.840.113549.1.12.10.1.3";
const x509Certificate = "1.2.840.113549.1.9.22.1";
const friendlyNameAttribute = "1.2.840.113549.1.9.20";
const localKeyIdAttribute = "1.2.840.113549.1.9.21";
const sha256 = "2.16.840.1.101.3.4.2.1";

/**
 * Key, certificate and issuers in one protected file (RFC 7292), with the algorithms that OpenSSL 3 writes: PBES2 with
 * AES-256-CBC, integrity by HMAC-SHA-256. node-forge's own writer knows RSA keys only, so the structure is written here.
 */
export function createPkcs12({ certificate, key }: Certified, options: Pkcs12Options): Buffer {
  const { passphrase, authorities = [], friendlyName } = options;
  // readers disagree about the empty password (no bytes or a NUL character), RFC 7292, B.1
  if (passphrase === "") throw new RangeError("a PKCS#12 file needs a passphrase that is not empty");
  const attributes = bagAttributes(certificate, friendlyName);
  const keyBag = sequence(
    oid(shroudedKeyBag),
    tagged(0, encrypted(key.export({ type: "pkcs8", format: "der" }), passphrase)),
    attributes,
  );
  const certificateBags = sequence(
    bagOf(certificate, attributes),
    ...authorities.map((authority) => bagOf(authority)),
  );
  const safes = encode(
    sequence(
      encryptedContent(encode(certificateBags), passphrase),
      sequence(oid(data), tagged(0, octets(encode(sequence(keyBag))))),
    ),
  );
  return encode(
    sequence(integer(3), sequence(oid(data), tagged(0, octets(safes))), integrity(safes, passphrase)),
  );
}

function bagOf(certificate: X509Certificate, attributes?: Der): Der {
  const value = sequence(oid(x509Certificate), tagged(0, octets(certificate.raw)));
  return sequence(oid(certificateBag), tagged(0, value), attributes);
}

/** The same localKeyId on both bags says which certificate belongs to the key. */
function bagAttributes(certificate: X509Certificate, friendlyName: string | undefined): Der {
  const keyId = Buffer.from(certificate.fingerprint256.replaceAll(":", ""), "hex");
  const attributes = [sequence(oid(localKeyIdAttribute), set(octets(keyId)))];
  if (friendlyName !== undefined)
    attributes.push(sequence(oid(friendlyNameAttribute), set(bmp(friendlyName))));
  return set(...attributes);
}

/** EncryptedPrivateKeyInfo (RFC 5958, 3). */
function encrypted(plain: Buffer, passphrase: string): Der {
  const { algorithm, ciphertext } = pbes2(plain, passphrase);
  return sequence(algorithm, octets(ciphertext));
}

/** ContentInfo with EncryptedData (RFC 5652, 8). */
function encryptedContent(plain: Buffer, passphrase: string): Der {
  const { algorithm, ciphertext } = pbes2(plain, passphrase);
  const content = sequence(oid(data), algorithm, taggedBytes(0, ciphertext));
  return sequence(oid(encryptedData), tagged(0, sequence(integer(0), content)));
}

function pbes2(plain: Buffer, passphrase: string): { algorithm: Der; ciphertext: Buffer } {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const derived = pbkdf2Sync(passphrase, salt, iterations, 32, "sha256");
  const cipher = createCipheriv("aes-256-cbc", derived, iv);
  const hmacWithSha256 = sequence(oid("1.2.840.113549.2.9"), nothing());
  const pbkdf2 = sequence(
    oid("1.2.840.113549.1.5.12"),
    sequence(octets(salt), integer(iterations), hmacWithSha256),
  );
  const aes256Cbc = sequence(oid("2.16.840.1.101.3.4.1.42"), octets(iv));
  return {
    algorithm: sequence(oid("1.2.840.113549.1.5.13"), sequence(pbkdf2, aes256Cbc)),
    ciphertext: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

/** MacData; its key comes from PKCS#12's own derivation (RFC 7292, B.2), purpose 3. */
function integrity(safes: Buffer, passphrase: string): Der {
  const salt = randomBytes(16);
  const derived = forge.pkcs12.generateKey(
    passphrase,
    forge.util.createBuffer(salt.toString("latin1")),
    3,
    iterations,
    32,
    forge.md.sha256.create(),
  );
  const mac = createHmac("sha256", Buffer.from(derived.getBytes(), "latin1")).update(safes).digest();
  const digestInfo = sequence(sequence(oid(sha256), nothing()), octets(mac));
  return sequence(digestInfo, octets(salt), integer(iterations));
}
