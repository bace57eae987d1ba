/** What somebody speaks on the control socket. */
export type Dialect = "http" | "lines";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
/** A request line that is longer is none of ours. */
const longestLine = 8192;

/** Judges by the first bytes; undefined while they could still be either. */
export function recognise(bytes: Buffer): Dialect | undefined {
  const text = bytes.toString("latin1", 0, longestLine);
  const [, method = "", rest = ""] = /^([A-Z]*)(.*)$/s.exec(text) ?? [];
  if (rest === "") return methods.some((known) => known.startsWith(method)) ? undefined : "lines";
  if (!methods.includes(method)) return "lines";
  // `DELETE /run/x.sock` is a command, too: only the end of the line tells
  const end = text.indexOf("\n");
  if (end < 0) return rest.startsWith(" ") && text.length < longestLine ? undefined : "lines";
  return / HTTP\/\d\.\d\r?$/.test(text.slice(0, end)) ? "http" : "lines";
}
