import { X509Certificate } from "node:crypto";
import { type CertificateFields, readCertificate } from "../../protocol/x509/certificate.ts";

/** A certificate as OpenSSL has read it, and the parts that it does not give out. */
export interface Certificate {
  readonly x509: X509Certificate;
  readonly fields: CertificateFields;
}

/** @throws DerError when it is no strict DER, although OpenSSL takes it */
export function openCertificate(given: X509Certificate | string): Certificate {
  const x509 = typeof given === "string" ? new X509Certificate(given) : given;
  return { x509, fields: readCertificate(x509.raw) };
}
