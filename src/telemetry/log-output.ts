import { pino } from "pino";
import { prettyLine } from "./pretty.ts";

/** Where the lines of the log go. */
export interface LogOutput {
  /** Takes whole lines. */
  write(lines: string): void;
  /** Writes out what waits, before the process ends. Resolves when it is, or cannot be. */
  flush(): Promise<void>;
}

/** Records wait at most this long, in milliseconds, to be written together. */
const flushInterval = 100;
/** Characters of records that are written without waiting: each write costs a trip to another thread. */
const writeSize = 64 * 1024;
/** How long a reader may take for the last records, in milliseconds. */
const longestFlush = 1000;
/** A reader that never reads costs at most this much memory; further records are dropped. */
const longestBacklog = 16 * 1024 * 1024;

/** Standard output, written by another thread. Closed, it loses records, never the process. */
export function jsonOutput(): LogOutput {
  const stream = pino.destination({ fd: 1, sync: false, maxLength: longestBacklog });
  stream.on("error", () => {});
  // sonic-boom looks through all that waits at each write, which costs more than everything else about a record
  let waiting: string[] = [];
  let size = 0;
  const passOn = () => {
    if (size === 0) return;
    stream.write(waiting.join(""));
    waiting = [];
    size = 0;
  };
  const timer = setInterval(passOn, flushInterval).unref();
  return {
    write: (lines) => {
      waiting.push(lines);
      size += lines.length;
      if (size >= writeSize) passOn();
    },
    // not flushSync, which tries for ever when nobody reads any more
    flush: () => {
      clearInterval(timer);
      passOn();
      return new Promise<void>((resolve) => {
        const late = setTimeout(resolve, longestFlush);
        stream.flush(() => {
          clearTimeout(late);
          resolve();
        });
      });
    },
  };
}

/** Standard output for a person to read. */
export function prettyOutput(): LogOutput {
  process.stdout.on("error", () => {});
  return {
    write: (line) => {
      process.stdout.write(prettyLine(line));
    },
    flush: async () => {},
  };
}
