import type { Events } from "../../core/events.ts";
import { reasonOf } from "../../core/outcome.ts";
import { OcspError } from "../../protocol/x509/ocsp-response.ts";
import type { Certificate } from "./certificate.ts";
import { askOcsp, responderOf } from "./ocsp-client.ts";
import type { OcspVerdict } from "./ocsp-verdict.ts";

/** How our own certificate gets its OCSP answer. */
export interface Stapling {
  readonly certificate: Certificate;
  readonly issuer: Certificate | undefined;
  /** Undefined: the responder that the certificate names. */
  readonly responder: string | undefined;
  /** Milliseconds for one answer. */
  readonly timeout: number;
  /** The file of the certificate. */
  readonly source: string;
}

export interface StaplerContext {
  readonly tunnel: string;
  readonly events: Events;
  /** What it replaces: its answer serves on if it is about the same certificate. */
  readonly previous?: Stapler | undefined;
}

interface Staple {
  readonly der: Buffer;
  readonly verdict: OcspVerdict;
}

/** Milliseconds. */
const firstRetry = 10_000;
const longestRetry = 3_600_000;
/** setTimeout takes no more than 24 days. */
const longestDelay = 2 ** 31 - 1;

/**
 * Has an OCSP answer about our own certificate at hand, so that no handshake waits for one, and fetches the next at half
 * of its life. Without an answer that counts there is none: that is told, and never ends anything.
 */
export class Stapler {
  readonly #options: Stapling;
  readonly #tunnel: string;
  readonly #events: Events;
  #staple: Staple | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: Stapling, { tunnel, events, previous }: StaplerContext) {
    this.#options = options;
    this.#tunnel = tunnel;
    this.#events = events;
    if (previous?.isAbout(options.certificate)) this.#staple = previous.#staple;
  }

  /** What to staple now; undefined when there is nothing that counts. */
  get response(): Buffer | undefined {
    return this.#staple && Date.now() < this.#staple.verdict.until.getTime() ? this.#staple.der : undefined;
  }

  isAbout({ x509 }: Certificate): boolean {
    return this.#options.certificate.x509.raw.equals(x509.raw);
  }

  /** Begins to fetch; does not wait for it. */
  start(): void {
    if (!this.#closed) void this.#refresh();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #refresh(): Promise<void> {
    const { source } = this.#options;
    try {
      const staple = await this.#fetch();
      if (this.#closed) return;
      const isNews = this.#failures > 0 || !this.#staple;
      this.#staple = staple;
      this.#failures = 0;
      const { until } = staple.verdict;
      if (isNews) this.#events.emit("ocsp.staple", { tunnel: this.#tunnel, source, ok: true, until });
      this.#again(refreshIn(staple.verdict));
    } catch (error) {
      if (this.#closed) return;
      const reason = error instanceof OcspError ? `the OCSP answer ${error.message}` : reasonOf(error);
      const until = this.response && this.#staple?.verdict.until;
      if (this.#failures++ === 0)
        this.#events.emit("ocsp.staple", { tunnel: this.#tunnel, source, ok: false, reason, until });
      this.#again(retryIn(this.#failures, this.#staple?.verdict));
    }
  }

  async #fetch(): Promise<Staple> {
    const { certificate, issuer, responder, timeout } = this.#options;
    if (!issuer)
      throw new OcspError(
        `cannot be had: the certificate's issuer is neither behind it in its file nor given`,
      );
    const url = responderOf({
      certificate,
      responder: responder === undefined ? undefined : new URL(responder),
    });
    if (url instanceof OcspError) throw url;
    const staple = await askOcsp(url, { certificate, issuer, nonce: false, timeout });
    if (staple.verdict.status !== "good")
      throw new OcspError(`says that the certificate is ${staple.verdict.status}`);
    return staple;
  }

  #again(delay: number): void {
    this.#timer = setTimeout(() => void this.#refresh(), Math.min(delay, longestDelay)).unref();
  }
}

/**
 * Milliseconds until the next answer is fetched: half of this one's life, give or take a tenth so that a fleet does not
 * ask all at once. A responder that goes on giving the same one is asked ten times in its life at most.
 */
export function refreshIn(
  { thisUpdate, until }: OcspVerdict,
  now = Date.now(),
  random = Math.random(),
): number {
  const life = until.getTime() - thisUpdate.getTime();
  const due = thisUpdate.getTime() + life * (0.45 + 0.1 * random);
  return Math.max(due - now, life / 10, 100);
}

/** Milliseconds until a failed fetch is tried again: twice as long each time, up to an hour. */
export function retryIn(failures: number, last: OcspVerdict | undefined, random = Math.random()): number {
  const life = last ? last.until.getTime() - last.thisUpdate.getTime() : Number.POSITIVE_INFINITY;
  const first = Math.max(Math.min(firstRetry, life / 10), 100);
  return Math.min(first * 2 ** Math.min(failures - 1, 20), longestRetry) * (0.9 + 0.2 * random);
}
