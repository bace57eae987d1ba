import { X509Certificate } from "node:crypto";
import { DerError } from "../../core/der.ts";
import type { TlsFiles } from "../files.ts";
import { type Identity, loadAuthorities, MaterialError } from "../identity.ts";
import { pemCertificates } from "../pem.ts";
import { type Certificate, openCertificate } from "./certificate.ts";
import type { Stapling } from "./stapler.ts";

export type StaplingOptions =
  | boolean
  | {
      readonly responder?: string | undefined;
      readonly issuer?: string | undefined;
      readonly timeout: number;
    };

/** Milliseconds for one answer. */
const usualTimeout = 5000;

/**
 * What our own certificate's OCSP answer is fetched with; undefined where none is to be stapled.
 *
 * @throws MaterialError when the issuer's file cannot be used, or is of somebody else
 */
export async function loadStapling(
  options: StaplingOptions | undefined,
  { identity, files }: { readonly identity: Identity; readonly files: TlsFiles },
): Promise<Stapling | undefined> {
  if (!options) return undefined;
  const { responder, issuer: path, timeout } = options === true ? { timeout: usualTimeout } : options;
  const { leaf, source } = identity;
  const given = path === undefined ? pemCertificates(identity.cert) : await issuersIn(path, files);
  const issuer = given.find((one) => leaf.checkIssued(one) && leaf.verify(one.publicKey));
  if (path !== undefined && !issuer)
    throw new MaterialError("ocspStapling.issuer", `${path} has not issued the certificate in ${source}`);
  return { certificate: open(leaf), issuer: issuer && open(issuer), responder, timeout, source };
}

async function issuersIn(path: string, files: TlsFiles): Promise<readonly X509Certificate[]> {
  const pems = await loadAuthorities(path, { option: "ocspStapling.issuer", files });
  return pems.map((pem) => new X509Certificate(pem));
}

function open(certificate: X509Certificate): Certificate {
  try {
    return openCertificate(certificate);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new MaterialError(
      "cert",
      `it is no strict DER, so its OCSP answer cannot be fetched: ${cause.message}`,
      {
        cause,
      },
    );
  }
}
