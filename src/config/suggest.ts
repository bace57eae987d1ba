/** The known word that was most likely meant: at most two slips away, or an abbreviation of it. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = slips(wanted, candidate.toLowerCase());
    // in short words two slips make any word of any other
    const allowed = Math.min(2, Math.floor(Math.max(wanted.length, candidate.length) / 2));
    if (distance <= allowed && (best === undefined || distance < best.distance))
      best = { candidate, distance };
  }
  if (best) return best.candidate;
  if (wanted.length < 2) return undefined;
  return known.find((candidate) => {
    const other = candidate.toLowerCase();
    return other.startsWith(wanted) || (other.length > 2 && wanted.startsWith(other));
  });
}

/** `; did you mean "x"?`, or what there is to choose from. */
export function suggestion(word: string, known: readonly string[], listed = "known here"): string {
  const candidate = nearest(word, known);
  if (candidate !== undefined) return `; did you mean "${candidate}"?`;
  if (known.length === 0) return "";
  const shown = known.slice(0, 20);
  return `; ${listed}: ${shown.join(", ")}${known.length > shown.length ? ", …" : ""}`;
}

/** Damerau-Levenshtein distance, neighbours swapped at most once (optimal string alignment). */
export function slips(a: string, b: string): number {
  // no word of ours is this long, and the table grows with the product
  if (Math.abs(a.length - b.length) > 2 || a.length > 100) return Number.POSITIVE_INFINITY;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + change);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
