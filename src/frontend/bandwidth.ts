import type { Throttle } from "../net/flow.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface BandwidthOptions {
  /** Bytes per second of all sessions together, both directions added up; 0 for no limit. */
  readonly tunnel: number;
  /** Bytes per second of one session, both directions added up; 0 for no limit. */
  readonly session: number;
  readonly now?: () => number;
}

/** Milliseconds for which an unused rate is saved up. */
const savedUp = 100;

/**
 * Makes the throttle of each session; undefined when there is no limit. The tunnel's rate is shared out by turns: every
 * read goes on the tunnel's account, and who reads next waits until the account is even.
 */
export function bandwidth({ tunnel, session, now }: BandwidthOptions): (() => Throttle) | undefined {
  if (tunnel === 0 && session === 0) return undefined;
  const bucket = (rate: number) =>
    rate === 0 ? [] : [new TokenBucket({ count: rate, per: 1000, burst: (rate * savedUp) / 1000, now })];
  const shared = bucket(tunnel);
  return () => {
    const buckets = [...shared, ...bucket(session)];
    return { take: (bytes) => Math.max(...buckets.map((one) => one.spend(bytes))) };
  };
}
