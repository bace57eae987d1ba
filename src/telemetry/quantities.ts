/** `0`, `512`, `1.5k`, `20M`: bytes in binary multiples, five characters at most. */
export function formatBytes(count: number): string {
  if (count < 1000) return String(Math.round(count));
  // 1023 of a unit would need a fourth digit before the unit
  let power = Math.min(Math.floor(Math.log2(count) / 10), units.length - 1);
  if (count / 1024 ** power >= 999.5) power = Math.min(power + 1, units.length - 1);
  const amount = count / 1024 ** power;
  return `${amount < 99.95 ? amount.toFixed(1) : amount.toFixed(0)}${units[power]}`;
}

const units = ["", "k", "M", "G", "T", "P"] as const;

/** `0`, `0.4`, `12`, `3.1k`: how often something happens in a second. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 10_000) return `${(perSecond / 1000).toFixed(0)}k`;
  if (perSecond >= 1000) return `${(perSecond / 1000).toFixed(1)}k`;
  return perSecond >= 9.95 || perSecond === 0 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

/** `850ms`, `5s`, `2m10s`, `3h4m`, `5d2h`: the two largest units. */
export function formatAge(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))}ms`;
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .map(([amount, unit], index) => (index > 0 && amount === 0 ? "" : `${amount}${unit}`))
    .join("");
}

/** `1 tunnel`, `2 tunnels`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
