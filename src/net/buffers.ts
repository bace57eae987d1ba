/** One read or gathered write at the most: beyond it, throughput no longer grows. */
export const bulkSize = 256 * 1024;

/** Buffers lent at one time: 16 MiB. When they are out, bytes are copied in small pieces instead. */
const poolLimit = 64;

/**
 * Where every cold bulk socket reads into. What is in it must be used up before the reading callback returns: written
 * to a TLS stream with nothing queued (which encrypts at once), or copied.
 */
export const sharedBuffer = Buffer.allocUnsafeSlow(bulkSize);

const free: Buffer[] = [];
let lent = 0;

/** A private buffer of `bulkSize` bytes, or undefined when all are lent. */
export function takeBuffer(): Buffer | undefined {
  if (lent >= poolLimit) return undefined;
  lent++;
  return free.pop() ?? Buffer.allocUnsafeSlow(bulkSize);
}

/** Gives back what `takeBuffer` lent. Nobody may read or write it any more. */
export function giveBuffer(buffer: Buffer): void {
  lent--;
  free.push(buffer);
}

/** Buffers lent now. */
export function buffersLent(): number {
  return lent;
}
