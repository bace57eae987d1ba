/**
 * Writes to standard output, and resolves when it is written: a pipe takes 64 KiB at once, and the process must not exit
 * before it has taken the rest.
 */
export function writeOut(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // the callback has the error; without a listener it would end the process as well
    if (process.stdout.listenerCount("error") === 0) process.stdout.on("error", () => {});
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** For programs: JSON, indented. */
export function writeJson(value: unknown): Promise<void> {
  return writeOut(`${JSON.stringify(value, null, 2)}\n`);
}

/** The reader has gone, as `head` does: nothing is wrong. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
