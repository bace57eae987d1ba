import { randomBytes } from "node:crypto";
import { DerError } from "../../core/der.ts";
import { encodeOcspRequest } from "../../protocol/x509/ocsp-request.ts";
import { ocspRespondersOf } from "../../protocol/x509/ocsp-responders.ts";
import { OcspError } from "../../protocol/x509/ocsp-response.ts";
import type { Certificate } from "./certificate.ts";
import { fetchOcsp } from "./ocsp-fetch.ts";
import { judgeOcspResponse, type OcspVerdict } from "./ocsp-verdict.ts";

export interface OcspQuery {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  /** Whom to ask; undefined: the responder that the certificate names. */
  readonly responder: URL | undefined;
  /** Whether the answer must be made for this question; such answers are good for one session only. */
  readonly nonce: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** A verdict, or why there is none. */
type Known = { readonly verdict: OcspVerdict } | { readonly error: OcspError };

interface Entry {
  readonly known: Promise<Known>;
  /** Milliseconds since 1970; until it is known, it is being asked. */
  until: number;
}

/** Answers kept; the oldest goes first. Each has some hundred bytes. */
const mostAnswers = 10_000;
/** Milliseconds for which a responder that has failed for a certificate is not asked about it again. */
const respite = 5000;

/** Asks OCSP responders, and keeps what they said as long as it counts. */
export class OcspClient {
  /** By certificate, issuer and responder. */
  readonly #entries = new Map<string, Entry>();

  /**
   * What the responder says. Whoever asks the same meanwhile shares the answer.
   *
   * @throws OcspError when it says nothing that counts
   */
  async ask(query: OcspQuery): Promise<OcspVerdict> {
    const known = await this.#lookUp(query);
    if ("error" in known) throw known.error;
    return known.verdict;
  }

  #lookUp(query: OcspQuery): Promise<Known> {
    const url = responderOf(query);
    if (url instanceof OcspError) return Promise.resolve({ error: url });
    const { certificate, issuer, nonce } = query;
    const key = `${certificate.x509.fingerprint256} ${issuer.x509.fingerprint256} ${nonce} ${url.href}`;
    const entry = this.#entries.get(key);
    if (entry && Date.now() < entry.until) return entry.known;
    const fresh: Entry = { known: attempt(url, query), until: Number.POSITIVE_INFINITY };
    this.#entries.delete(key);
    this.#entries.set(key, fresh);
    this.#trim();
    fresh.known.then((known) => {
      fresh.until = "error" in known ? Date.now() + respite : nonce ? 0 : known.verdict.until.getTime();
    });
    return fresh.known;
  }

  #trim(): void {
    if (this.#entries.size <= mostAnswers) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }
}

async function attempt(url: URL, query: OcspQuery): Promise<Known> {
  try {
    return { verdict: (await askOcsp(url, query)).verdict };
  } catch (error) {
    // a URL that node:http does not take is one more way to have no answer
    return { error: error instanceof OcspError ? error : new OcspError(`cannot be had: ${error}`) };
  }
}

/**
 * Asks a responder once.
 *
 * @throws OcspError when it says nothing that counts
 */
export async function askOcsp(
  url: URL,
  { certificate, issuer, nonce, timeout }: Omit<OcspQuery, "responder">,
): Promise<{ readonly der: Buffer; readonly verdict: OcspVerdict }> {
  const once = nonce ? randomBytes(16) : undefined;
  const asked = { certificate: certificate.fields, issuer: issuer.fields };
  const der = await fetchOcsp(url, { request: encodeOcspRequest(asked, once), timeout });
  return { der, verdict: judgeOcspResponse(der, { certificate, issuer, nonce: once }) };
}

/** Whom to ask about a certificate, or why nobody can be asked. */
export function responderOf({
  certificate,
  responder,
}: Pick<OcspQuery, "certificate" | "responder">): URL | OcspError {
  if (responder) return responder;
  try {
    const [named] = ocspRespondersOf(certificate.fields.extensions);
    return named ?? new OcspError("cannot be had: the certificate names no responder");
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    return new OcspError(`cannot be had: the certificate's responder cannot be read: ${cause.message}`, {
      cause,
    });
  }
}
