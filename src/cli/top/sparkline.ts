const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** The last `width` values as bars, the newest one at the right; the highest of them is a full bar, and nothing is a gap. */
export function sparkline(values: readonly number[], width: number): string {
  if (width <= 0) return "";
  const shown = values.slice(-width);
  const highest = Math.max(...shown);
  const text = shown.map((value) => {
    if (!(value > 0)) return " ";
    return bars[Math.min(bars.length - 1, Math.floor((value / highest) * bars.length))];
  });
  return text.join("").padStart(width);
}
