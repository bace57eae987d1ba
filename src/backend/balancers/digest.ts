/** 64 bits in two halves. */
export interface Digest {
  readonly high: number;
  readonly low: number;
}

/**
 * The digest of a text, the same in every process and on every machine. It spreads well and resists nobody: the
 * multipliers of its two 32-bit lanes are known good ones, the end is MurmurHash3's. A hash of `node:crypto` would cost
 * some fifty times as much as `fraction`, for every target of every session. Changing anything here sends every client
 * to another target.
 */
export function digest(text: string): Digest {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  return scramble(high, low);
}

/** A number above 0 and below 1 that depends on both digests, and on nothing else. */
export function fraction(one: Digest, other: Digest): number {
  const { high, low } = scramble(one.high ^ other.high, one.low ^ other.low);
  // 52 bits: with the half a double still holds all of them, so that neither 0 nor 1 can come out
  return ((high & 0xf_ffff) * 2 ** 32 + (low >>> 0) + 0.5) / 2 ** 52;
}

function scramble(high: number, low: number): Digest {
  const crossed = finish(high) ^ finish(low ^ 0x5bd1e995);
  return { high: finish(crossed ^ low), low: finish(crossed ^ Math.imul(high, 0x27d4eb2f)) };
}

/** MurmurHash3's fmix32. */
function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
