import type { X509Certificate } from "node:crypto";
import { type Certificate, openCertificate } from "./certificate.ts";

/** A certificate, its issuer, and so on; the last one is an authority that is trusted. */
export type Chain = readonly [Certificate, ...Certificate[]];

/** Certificates in a chain. */
const deepest = 10;
/** Signatures checked for one chain: a peer that sends many certificates of one name costs no more. */
const mostSignatures = 32;
/** Peers whose chain is kept: about 10 KiB each with everything. */
const mostChains = 1000;

interface Search {
  readonly sent: readonly Certificate[];
  signatures: number;
}

/**
 * Finds who has issued a certificate. OpenSSL has judged the chain, but what it shows of it is what the peer sent, in any
 * order; and on a resumed session nothing was sent, so chains that were seen are kept.
 */
export class Issuers {
  readonly #authorities: readonly Certificate[];
  /** By fingerprint; the one found longest ago goes first. */
  readonly #chains = new Map<string, Chain>();

  /** @param authorities those that are trusted, and intermediate ones */
  constructor(authorities: readonly Certificate[]) {
    this.#authorities = authorities;
  }

  /** The authorities of this name, encoded. */
  named(name: Buffer): readonly Certificate[] {
    return this.#authorities.filter(({ fields }) => fields.subject.equals(name));
  }

  /**
   * The chain from a certificate that OpenSSL has accepted to an authority; undefined when a certificate between them
   * is not known.
   *
   * @param peer with the certificates that came with it as its issuers
   * @throws DerError
   */
  chainOf(peer: X509Certificate): Chain | undefined {
    const known = this.#chains.get(peer.fingerprint256);
    if (known) return known;
    const leaf = openCertificate(peer);
    // one that is trusted itself needs nobody to vouch for it
    if (this.#authorities.some(({ x509 }) => x509.raw.equals(peer.raw))) return [leaf];
    const rest = this.#upwards(leaf, { sent: sentWith(peer), signatures: 0 }, deepest);
    if (!rest) return undefined;
    const chain: Chain = [leaf, ...rest];
    this.#chains.set(peer.fingerprint256, chain);
    if (this.#chains.size > mostChains)
      for (const oldest of this.#chains.keys()) {
        this.#chains.delete(oldest);
        break;
      }
    return chain;
  }

  #upwards(certificate: Certificate, search: Search, left: number): readonly Certificate[] | undefined {
    if (left === 0) return undefined;
    const candidates = [...this.#authorities, ...search.sent];
    let end: readonly Certificate[] | undefined;
    for (const candidate of candidates) {
      if (!this.#hasIssued(candidate, certificate, search)) continue;
      const isAuthority = this.#authorities.includes(candidate);
      if (isAuthority && isSelfIssued(candidate)) return [candidate];
      const rest = this.#upwards(candidate, search, left - 1);
      if (rest) return [candidate, ...rest];
      if (isAuthority) end ??= [candidate];
    }
    return end;
  }

  #hasIssued({ x509, fields }: Certificate, certificate: Certificate, search: Search): boolean {
    if (!certificate.fields.issuer.equals(fields.subject) || x509.raw.equals(certificate.x509.raw))
      return false;
    if (!x509.ca || !certificate.x509.checkIssued(x509) || ++search.signatures > mostSignatures) return false;
    return certificate.x509.verify(x509.publicKey);
  }
}

function isSelfIssued({ fields }: Certificate): boolean {
  return fields.issuer.equals(fields.subject);
}

function sentWith(peer: X509Certificate): readonly Certificate[] {
  const sent: Certificate[] = [];
  for (
    let issuer = peer.issuerCertificate;
    issuer && sent.length < deepest;
    issuer = issuer.issuerCertificate
  )
    sent.push(openCertificate(issuer));
  return sent;
}
