import { mayUseKey } from "../../protocol/x509/certificate.ts";
import { crlPointsOf } from "../../protocol/x509/distribution-points.ts";
import { nameText } from "../../protocol/x509/name.ts";
import { signatureFault } from "../../protocol/x509/signature.ts";
import type { Certificate } from "./certificate.ts";
import type { FiledCrl } from "./crl-files.ts";
import { type RevocationRefusal, revoked } from "./refusal.ts";

/** How far clocks may differ, in milliseconds: a list may be of the near future. It ends when it says. */
const skew = 5 * 60_000;

/** Looks certificates up in the CRLs of their issuers, and refuses those that no CRL vouches for. */
export class CrlCheck {
  readonly #crls: readonly FiledCrl[];
  /** Why a list is not one of this issuer; `undefined` as a value says that it is. */
  readonly #faults = new WeakMap<FiledCrl, Map<string, string | undefined>>();

  constructor(crls: readonly FiledCrl[]) {
    this.#crls = crls;
  }

  /**
   * Why the certificate is refused; undefined when a current CRL of its issuer does not list it.
   *
   * @throws DerError
   */
  judge(certificate: Certificate, issuer: Certificate, now = new Date()): RevocationRefusal | undefined {
    const name = nameText(certificate.fields.issuer);
    const ofIssuer = this.#crls.filter(({ crl }) => crl.issuer.equals(issuer.fields.subject));
    const inScope = ofIssuer.filter((list) => isInScope(list, certificate));
    if (inScope.length === 0)
      return unusable(
        ofIssuer.length === 0
          ? `no CRL for issuer ${name}`
          : `no CRL of ${name} is about this kind of certificate (issuingDistributionPoint)`,
      );
    const faults = inScope.map((list) => this.#fault(list, issuer));
    const genuine = inScope.filter((_, index) => faults[index] === undefined);
    if (genuine.length === 0) return unusable(`the CRL of ${name} ${faults[0]}`);
    const begun = genuine.filter(({ crl }) => crl.thisUpdate.getTime() <= now.getTime() + skew);
    // the newest that has begun is what the issuer says now
    const [newest] = begun.toSorted(
      (one, other) => other.crl.thisUpdate.getTime() - one.crl.thisUpdate.getTime(),
    );
    if (!newest)
      return unusable(`the CRL of ${name} is not valid before ${genuine[0]?.crl.thisUpdate.toISOString()}`);
    const { crl } = newest;
    if (crl.nextUpdate <= now)
      return unusable(`the CRL of ${name} has expired on ${crl.nextUpdate.toISOString()}`);
    const entry = crl.revocation(certificate.fields.serial);
    return entry && revoked(entry, `the CRL of ${name}`);
  }

  #fault(list: FiledCrl, issuer: Certificate): string | undefined {
    const known = this.#faults.get(list) ?? new Map<string, string | undefined>();
    this.#faults.set(list, known);
    const key = issuer.x509.fingerprint256;
    if (!known.has(key)) {
      // an issuer is given by the operator or vouched for by one, so there are few
      if (known.size > 100) known.clear();
      known.set(key, crlFault(list, issuer));
    }
    return known.get(key);
  }
}

/**
 * Why a list is not one of this issuer, whose name it bears; undefined when it is.
 *
 * @throws DerError
 */
export function crlFault({ crl }: Pick<FiledCrl, "crl">, { x509, fields }: Certificate): string | undefined {
  if (!mayUseKey(fields, "cRLSign")) return "is signed by a certificate that must not sign CRLs (key usage)";
  return signatureFault(crl, x509.publicKey);
}

function isInScope({ crl: { scope } }: FiledCrl, { x509, fields }: Certificate): boolean {
  if (scope.only !== undefined && (scope.only === "authorities") !== x509.ca) return false;
  if (!scope.points) return true;
  const named = crlPointsOf(fields.extensions);
  return scope.points.some((point) => named.some((name) => name.equals(point)));
}

function unusable(reason: string): RevocationRefusal {
  return { reason, label: "crl" };
}
