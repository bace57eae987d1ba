import { getCACertificates } from "node:tls";
import { DerError } from "../../core/der.ts";
import type { OcspResult } from "../../core/session.ts";
import type { Access, PeerCheck } from "../access.ts";
import type { TlsFiles } from "../files.ts";
import { MaterialError, type MaterialOption } from "../identity.ts";
import { type Certificate, openCertificate } from "./certificate.ts";
import { crlFault } from "./crl-check.ts";
import { type FiledCrl, loadCrls } from "./crl-files.ts";
import { Issuers } from "./issuers.ts";
import { OcspClient } from "./ocsp-client.ts";
import { type OcspPolicy, Revocation } from "./revocation.ts";

/** What a `client` block or a backend's `tls` block says about revocation. */
export interface RevocationOptions {
  readonly crl?: readonly string[] | undefined;
  readonly crlCheck?: "leaf" | "chain" | undefined;
  readonly ocsp?:
    | (Pick<OcspPolicy, "mode" | "nonce" | "timeout"> & {
        readonly responder?: string | undefined;
        readonly staple?: OcspPolicy["staple"];
      })
    | undefined;
}

export interface RevocationSources {
  /** Whose certificates are checked; says which keys the messages name. */
  readonly role: Access["role"];
  /** PEM; undefined: those that Node trusts. */
  readonly authorities: readonly string[] | undefined;
  readonly files: TlsFiles;
}

/**
 * Reads what peers' certificates are to be checked with; undefined when nothing is said about it.
 *
 * @throws MaterialError when a file holds no CRL, one that must not be used, or one that its issuer has not signed
 */
export async function loadRevocation(
  { crl, crlCheck = "leaf", ocsp }: RevocationOptions,
  { role, authorities, files }: RevocationSources,
): Promise<Revocation | undefined> {
  if (!crl && !ocsp) return undefined;
  const issuers = new Issuers(authorities ? openAll(authorities, role) : defaultAuthorities());
  const option = role === "client" ? "client.crl" : "crl";
  const crls = crl && (await loadCrls(crl, { option, files }));
  for (const filed of crls ?? []) checkIssuer(filed, issuers, option);
  const policy = ocsp && { ...ocsp, responder: ocsp.responder, staple: ocsp.staple ?? "ignore" };
  return new Revocation({ issuers, crls, crlCheck, ocsp: policy }, new OcspClient());
}

/** Asks for every session, so that a resumed one is looked up as well. */
export function revocationCheck(revocation: Revocation, role: Access["role"]): PeerCheck {
  return async ({ session, certificate, staple }) => {
    if (!certificate) return undefined;
    const onOcsp = (result: OcspResult) => {
      session.ocsp = { ...session.ocsp, [role]: result };
    };
    const refusal = await revocation.check(certificate, { staple, onOcsp });
    return refusal && { ...refusal, reason: `${role} certificate: ${refusal.reason}` };
  };
}

function openAll(authorities: readonly string[], role: Access["role"]): readonly Certificate[] {
  try {
    return authorities.map(openCertificate);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    const option = role === "client" ? "client.ca" : "ca";
    throw new MaterialError(option, `holds a certificate that is no strict DER: ${cause.message}`, { cause });
  }
}

/** Those that Node trusts when nothing else is said; one of them that cannot be read vouches for nobody here. */
function defaultAuthorities(): readonly Certificate[] {
  return getCACertificates("default").flatMap((pem) => {
    try {
      return [openCertificate(pem)];
    } catch (error) {
      if (error instanceof DerError) return [];
      throw error;
    }
  });
}

/** A list of an authority that is not given here (an intermediate one that peers send) is judged when a peer comes. */
function checkIssuer(filed: FiledCrl, issuers: Issuers, option: MaterialOption): void {
  const named = issuers.named(filed.crl.issuer);
  const faults = named.map((issuer) => crlFault(filed, issuer));
  if (faults.length === 0 || faults.includes(undefined)) return;
  throw new MaterialError(option, `${filed.source}, a CRL of ${filed.issuer}, ${faults[0]}`);
}
