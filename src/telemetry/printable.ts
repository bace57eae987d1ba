/**
 * Text for a terminal. Terminals obey control characters, and what a stranger has sent may hold some: line ends and tabs
 * become spaces; everything that steers the terminal, or turns the direction of the line around, a replacement character.
 */
export function printable(text: string): string {
  return text
    .replace(/[\r\n\t]+/g, " ")
    .replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}
