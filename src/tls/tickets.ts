import { createHash, hkdfSync } from "node:crypto";

/*
 * A session that was resumed skips the client's certificate, so a ticket must never open anything but the frontend and
 * the trust it was issued under (nginx CVE-2025-23419): keys and context follow from both.
 */

/** New keys are in use after this time; tickets under the old ones lead to a full handshake. */
export const rotationInterval = 12 * 3_600_000;

/** What a ticket is bound to. */
export interface TicketScope {
  /** At least 32 random bytes. */
  readonly secret: Buffer;
  /** Everything that decides who is let in: frontend, authorities, verification mode. */
  readonly trust: string;
}

/** The 48 bytes that `setTicketKeys` takes: name, HMAC key, AES key. */
export function ticketKeys(scope: TicketScope, now = Date.now()): Buffer {
  const epoch = Math.floor(now / rotationInterval);
  return Buffer.from(hkdfSync("sha256", scope.secret, scope.trust, `equilibria-tunnel ticket ${epoch}`, 48));
}

/** Clocks are set now and then: the time is looked at this often, in milliseconds. */
const longestSleep = 3_600_000;

/**
 * Calls `use` with new keys whenever their time has come; returns the function that ends it. Programs that share a secret
 * change keys in the same moment, as far as their clocks agree.
 */
export function rotateTicketKeys(scope: TicketScope, use: (keys: Buffer) => void): () => void {
  const epochOf = (now: number) => Math.floor(now / rotationInterval);
  let epoch = epochOf(Date.now());
  let timer: NodeJS.Timeout;
  const sleep = () => {
    const rest = rotationInterval - (Date.now() % rotationInterval);
    timer = setTimeout(wake, Math.min(rest, longestSleep)).unref();
  };
  const wake = () => {
    const now = Date.now();
    if (epochOf(now) !== epoch) {
      epoch = epochOf(now);
      use(ticketKeys(scope, now));
    }
    sleep();
  };
  sleep();
  return () => clearTimeout(timer);
}

/** At most 32 bytes (RFC 5246 leaves it to us, OpenSSL sets the limit). */
export function sessionIdContext(scope: TicketScope): string {
  return createHash("sha256").update(scope.trust).digest("base64").slice(0, 32);
}
