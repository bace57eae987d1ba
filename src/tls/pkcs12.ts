import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

/**
 * Opens a PKCS#12 file (RFC 7292): its certificates and its one private key.
 *
 * The file is never passed on as `pfx`, because OpenSSL would then trust the CA certificates in it for clients. OpenSSL
 * judges it first; node-forge, which is loaded only here, takes apart nothing that OpenSSL has not accepted.
 *
 * @throws Error when the file is damaged, the passphrase is wrong or it does not hold exactly one key
 */
export async function openPkcs12(
  der: Buffer,
  passphrase: string,
): Promise<{ readonly key: KeyObject; readonly certificates: readonly X509Certificate[] }> {
  createSecureContext({ pfx: der, passphrase });
  const { default: forge } = await import("node-forge");
  const { asn1, pkcs12, pki } = forge;
  const file = pkcs12.pkcs12FromAsn1(asn1.fromDer(der.toString("binary")), passphrase);
  const bags = file.safeContents.flatMap((content) => content.safeBags);
  const toDer = (node: Parameters<typeof asn1.toDer>[0]) =>
    Buffer.from(asn1.toDer(node).getBytes(), "binary");
  const keys = bags
    .filter(({ type }) => type === pki.oids["pkcs8ShroudedKeyBag"] || type === pki.oids["keyBag"])
    // forge reads RSA keys only; for the others it leaves the PKCS#8 structure in `asn1`
    .map(({ key, asn1: structure }) => (key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(key)) : structure))
    .map((structure) => createPrivateKey({ key: toDer(structure), format: "der", type: "pkcs8" }));
  const certificates = bags
    .filter(({ type }) => type === pki.oids["certBag"])
    .map(
      ({ cert, asn1: structure }) =>
        new X509Certificate(toDer(cert ? pki.certificateToAsn1(cert) : structure)),
    );
  const [key] = keys;
  if (!key || keys.length > 1) throw new Error(`holds ${keys.length} private keys instead of one`);
  return { key, certificates };
}
