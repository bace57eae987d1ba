const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { "": 1, k: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** How often something may happen: `count` times in `per` milliseconds. */
export interface Rate {
  readonly count: number;
  readonly per: number;
}

/** setTimeout's largest delay is 2^31 - 1 ms; a longer one would fire at once. */
const longestDuration = 24 * durationUnits.d;

/**
 * Reads `500ms`, `5s`, `1m30s`, `12h`, `2d` or `0` into milliseconds (0 to 24 days).
 *
 * @throws RangeError with a message that names the text and the remedy
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text))
    throw new RangeError(`"${text}" is not a duration, write for example 500ms, 5s, 1m30s or 12h`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    total += Number(amount) * durationUnits[unit as keyof typeof durationUnits];
  if (total > longestDuration) throw new RangeError(`"${text}" is longer than 24 days; 0 means never`);
  return Math.round(total);
}

/** The shortest text that `parseDuration` reads back. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0";
  let rest = milliseconds;
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const amount = Math.floor(rest / durationUnits[unit]);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * durationUnits[unit];
  }
  return text;
}

/**
 * Reads `512`, `64k`, `16M` or `1G` into bytes (binary multiples).
 *
 * @throws RangeError with a message that names the text and the remedy
 */
export function parseSize(text: string): number {
  const match = /^(\d{1,12})([kMG]?)$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a size, write for example 512, 64k, 16M or 1G`);
  return Number(match[1]) * sizeUnits[match[2] as keyof typeof sizeUnits];
}

/**
 * Reads `100/s`, `600/m` or `5000/h`.
 *
 * @throws RangeError with a message that names the text and the remedy
 */
export function parseRate(text: string): Rate {
  const match = /^(\d{1,9})\/([smh])$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a rate, write for example 100/s, 600/m or 5000/h`);
  return { count: Number(match[1]), per: durationUnits[match[2] as "s" | "m" | "h"] };
}
