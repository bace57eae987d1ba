import { appendFileSync } from "node:fs";

/**
 * Appends lines of the NSS key log format to a file that only its owner can read. Each line goes out at once: whoever reads
 * the traffic along needs it, and this is for finding faults, not for production.
 */
export function keyLogTo(path: string): (line: Buffer) => void {
  return (line) => {
    try {
      appendFileSync(path, line, { mode: 0o600 });
    } catch {
      // a full disk or a folder that is gone must not end sessions
    }
  };
}
