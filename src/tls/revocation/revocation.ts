import type { X509Certificate } from "node:crypto";
import { DerError } from "../../core/der.ts";
import type { OcspResult } from "../../core/session.ts";
import { nameText } from "../../protocol/x509/name.ts";
import { OcspError } from "../../protocol/x509/ocsp-response.ts";
import type { Certificate } from "./certificate.ts";
import { CrlCheck } from "./crl-check.ts";
import type { FiledCrl } from "./crl-files.ts";
import type { Chain, Issuers } from "./issuers.ts";
import type { OcspClient } from "./ocsp-client.ts";
import { judgeOcspResponse, type OcspVerdict } from "./ocsp-verdict.ts";
import { type RevocationRefusal, revoked } from "./refusal.ts";

/** What is asked about peers by OCSP. */
export interface OcspPolicy {
  /** Whether a peer is refused (hard) or let in (soft) of whom nothing can be learnt. */
  readonly mode: "soft" | "hard";
  /** Whom to ask; undefined: the responder that the certificate names. */
  readonly responder: string | undefined;
  readonly nonce: boolean;
  /** Milliseconds for one answer. */
  readonly timeout: number;
  /** What becomes of the answer that the peer brings itself (stapling). */
  readonly staple: "prefer" | "only" | "ignore";
}

/** How peers' certificates are checked for revocation. */
export interface RevocationPolicy {
  readonly issuers: Issuers;
  readonly crls: readonly FiledCrl[] | undefined;
  /** Whether the peer's own certificate is looked up, or also those of the authorities between it and the trusted one. */
  readonly crlCheck: "leaf" | "chain";
  readonly ocsp: OcspPolicy | undefined;
}

export interface RevocationCheck {
  /** The answer that came with the handshake, if any. */
  readonly staple?: Buffer | null | undefined;
  /** Told once when OCSP was asked. */
  readonly onOcsp?: ((result: OcspResult) => void) | undefined;
}

/** Tells whether a peer's certificate has been revoked, also that of a session which was resumed. */
export class Revocation {
  readonly policy: RevocationPolicy;
  readonly #crls: CrlCheck | undefined;
  readonly #client: OcspClient;

  constructor(policy: RevocationPolicy, client: OcspClient) {
    this.policy = policy;
    this.#crls = policy.crls && new CrlCheck(policy.crls);
    this.#client = client;
  }

  /** All that decides about peers, in a word: what was let in under another one must be judged anew. */
  get identity(): string {
    const { crls, crlCheck, ocsp } = this.policy;
    return JSON.stringify([crls?.map(({ digest }) => digest).toSorted(), crlCheck, ocsp]);
  }

  /** Why a certificate that OpenSSL has accepted is refused; undefined when it is good, or nobody can tell in soft mode. */
  async check(peer: X509Certificate, options: RevocationCheck = {}): Promise<RevocationRefusal | undefined> {
    try {
      const chain = this.policy.issuers.chainOf(peer);
      if (chain) return this.#judgeCrls(chain) ?? (await this.#judgeOcsp(chain, options));
      return this.#unknownIssuer(peer);
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return { reason: `it cannot be read: ${error.message}`, label: this.#crls ? "crl" : "ocsp" };
    }
  }

  #unknownIssuer(peer: X509Certificate): RevocationRefusal | undefined {
    if (!this.#crls && this.policy.ocsp?.mode === "soft") return undefined;
    const subject = peer.issuer.split("\n").join(", ").slice(0, 256);
    // a resumed session does not bring the certificates that the first one had
    const reason = `its issuer ${subject} is not known here any more, add it to "ca"`;
    return { reason, label: this.#crls ? "crl" : "ocsp" };
  }

  #judgeCrls(chain: Chain): RevocationRefusal | undefined {
    if (!this.#crls) return undefined;
    const checked = this.policy.crlCheck === "leaf" ? chain.slice(0, 1) : chain.slice(0, -1);
    for (const [index, certificate] of checked.entries()) {
      const issuer = chain[index + 1];
      const refusal = issuer && this.#crls.judge(certificate, issuer);
      if (!refusal) continue;
      const subject = index === 0 ? "" : `its authority ${nameText(certificate.fields.subject)}: `;
      return { ...refusal, reason: `${subject}${refusal.reason}` };
    }
    return undefined;
  }

  async #judgeOcsp(
    [certificate, issuer]: Chain,
    { staple, onOcsp }: RevocationCheck,
  ): Promise<RevocationRefusal | undefined> {
    const { ocsp } = this.policy;
    if (!ocsp || !issuer) return undefined;
    try {
      const verdict = await this.#ask({ certificate, issuer, staple: staple ?? undefined }, ocsp);
      onOcsp?.(verdict.status);
      if (verdict.status === "revoked")
        return revoked(
          { date: verdict.revokedAt, reason: verdict.reason },
          `the OCSP responder of ${nameText(certificate.fields.issuer)}`,
        );
      if (verdict.status === "good" || ocsp.mode === "soft") return undefined;
      return { reason: "the OCSP responder does not know it", label: "ocsp" };
    } catch (error) {
      if (!(error instanceof OcspError)) throw error;
      onOcsp?.("failed");
      return ocsp.mode === "soft" ? undefined : { reason: `the OCSP answer ${error.message}`, label: "ocsp" };
    }
  }

  async #ask(
    {
      certificate,
      issuer,
      staple,
    }: { certificate: Certificate; issuer: Certificate; staple: Buffer | undefined },
    { staple: use, responder, nonce, timeout }: OcspPolicy,
  ): Promise<OcspVerdict> {
    if (use !== "ignore" && staple) {
      const stapled = judgeStaple(staple, { certificate, issuer });
      if (use === "only" || "status" in stapled) return orThrow(stapled);
    }
    if (use === "only") throw new OcspError("is missing: the peer staples none");
    const url = responder === undefined ? undefined : new URL(responder);
    return this.#client.ask({ certificate, issuer, responder: url, nonce, timeout });
  }
}

function judgeStaple(
  staple: Buffer,
  question: { certificate: Certificate; issuer: Certificate },
): OcspVerdict | OcspError {
  try {
    return judgeOcspResponse(staple, question);
  } catch (error) {
    if (error instanceof OcspError) return error;
    throw error;
  }
}

function orThrow(verdict: OcspVerdict | OcspError): OcspVerdict {
  if (verdict instanceof OcspError) throw verdict;
  return verdict;
}
