const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EPIPE: "connection reset by peer",
  ECONNABORTED: "connection aborted",
  ETIMEDOUT: "no answer from the network",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "network unreachable",
  EADDRNOTAVAIL: "address not available on this machine",
  EADDRINUSE: "address already in use",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOENT: "no such file",
  EISDIR: "it is a folder, not a file",
  ENOTDIR: "a part of the path is not a folder",
  ELOOP: "symbolic links lead round in a circle",
  ENOTSOCK: "not a socket",
  EMFILE: "out of file descriptors",
  ENFILE: "out of file descriptors",
  ENOTFOUND: "name not found",
  EAI_AGAIN: "name lookup failed for now",
  EAFNOSUPPORT: "address family not supported",
};

/** The error's code in words a person understands, the code behind them. */
export function describeSocketError(error: unknown): string {
  // happy eyeballs fails with one error per address
  if (error instanceof AggregateError) return [...new Set(error.errors.map(describeSocketError))].join("; ");
  const code = errorCode(error);
  const known = code === undefined ? undefined : words[code];
  if (known !== undefined) return `${known} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/** Node's `code` of an error, such as ECONNRESET. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
