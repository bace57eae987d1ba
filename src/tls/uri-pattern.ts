/**
 * A pattern for URIs such as SPIFFE IDs: `*` stands for one whole segment of the path, `**` at the end for one or more.
 * Segments are compared byte by byte; nothing is decoded or resolved, so `..` and `%2e` are matched by no wildcard.
 *
 * @throws RangeError with a message that names the pattern and the remedy
 */
export function parseUriPattern(text: string): (uri: string) => boolean {
  const [, scheme = "", rest] = /^([a-z][a-z0-9+.-]*:)(.+)$/i.exec(text) ?? [];
  if (rest === undefined || !/^[\x21-\x7e]+$/.test(rest))
    throw new RangeError(`"${text}" is no URI; write for example spiffe://example.org/web/*`);
  const segments = text.split("/");
  const open = segments.at(-1) === "**";
  const fixed = open ? segments.slice(0, -1) : segments;
  // the authority is who vouches for the path: nobody is trusted for being anybody
  const path = rest.startsWith("//") ? 3 : 1;
  for (const [index, segment] of fixed.entries()) {
    if (!segment.includes("*")) continue;
    if (index < path)
      throw new RangeError(`"${text}": a wildcard stands in the path only, not before its first "/"`);
    if (segment !== "*")
      throw new RangeError(
        `"${text}": "*" stands for a whole segment, and "**" for the rest as the last segment only`,
      );
  }
  if (open && fixed.length < path) throw new RangeError(`"${text}": "**" stands in the path only`);
  const isAlone = scheme.toLowerCase() === "spiffe:";
  return (uri) => {
    const given = uri.split("/");
    if (open ? given.length <= fixed.length : given.length !== fixed.length) return false;
    if (!fixed.every((segment, index) => segmentFits(segment, given[index] ?? ""))) return false;
    return given.slice(fixed.length).every(isPlain) && (!isAlone || isPlainPath(given.slice(path)));
  };
}

function segmentFits(pattern: string, segment: string): boolean {
  return pattern === "*" ? isPlain(segment) : pattern === segment;
}

/** Neither empty, nor one that another program might take for another place. */
function isPlain(segment: string): boolean {
  return segment !== "" && !/^(\.|%2e){1,2}$/i.test(segment) && !/[?#\\]|%2f|%5c/i.test(segment);
}

/** A SPIFFE ID has neither query nor fragment, nor relative segments. */
function isPlainPath(segments: readonly string[]): boolean {
  return segments.every(isPlain);
}
