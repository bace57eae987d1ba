const handshakeRecord = 22;
const certificateRequestMessage = 13;
const recordHeader = 5;

/**
 * The names of the authorities, in DER, whose client certificates a server of TLS 1.2 asks for (RFC 5246, 7.4.4), out of all that
 * it has sent. Empty when any will do; undefined when it asks for none, or what it has sent is not whole.
 */
export function requestedAuthorities(sent: Buffer): readonly Buffer[] | undefined {
  const flight = joinHandshake(sent);
  for (let offset = 0; ; ) {
    const message = vectorAt(flight, offset + 1, 3);
    if (!message) return undefined;
    if (flight[offset] === certificateRequestMessage) return authoritiesIn(message.contents);
    offset = message.end;
  }
}

/** What the first records hold, up to the first that is no handshake: after it, all is secret. */
function joinHandshake(sent: Buffer): Buffer {
  const fragments: Buffer[] = [];
  for (let offset = 0; sent[offset] === handshakeRecord; ) {
    const fragment = vectorAt(sent, offset + recordHeader - 2, 2);
    if (!fragment) break;
    fragments.push(fragment.contents);
    offset = fragment.end;
  }
  return Buffer.concat(fragments);
}

function authoritiesIn(request: Buffer): readonly Buffer[] | undefined {
  const types = vectorAt(request, 0, 1);
  const algorithms = types && vectorAt(request, types.end, 2);
  const list = algorithms && vectorAt(request, algorithms.end, 2);
  if (!list || list.end !== request.length) return undefined;
  const names: Buffer[] = [];
  for (let offset = 0; offset < list.contents.length; ) {
    const name = vectorAt(list.contents, offset, 2);
    if (!name) return undefined;
    names.push(name.contents);
    offset = name.end;
  }
  return names;
}

/** Bytes with their length, of `size` bytes, in front of them; undefined when they are not all there. */
function vectorAt(bytes: Buffer, offset: number, size: number) {
  const start = offset + size;
  if (start > bytes.length) return undefined;
  const end = start + bytes.readUIntBE(offset, size);
  return end > bytes.length ? undefined : { contents: bytes.subarray(start, end), end };
}
