/**
 * Two readers of one protocol that disagree are a hole: one logs and limits an address that the other has never seen.
 * HAProxy wrote the protocol down, so its verdict, address and remaining bytes are compared with ours on two thousand
 * headers, half of them damaged. Where we differ on purpose is listed here, and nowhere do we differ in an address.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ipBytes, ipText } from "../../src/core/ip-bytes.ts";
import { parseProxyHeader } from "../../src/protocol/proxy-protocol/parse.ts";
import { writeFiles } from "../support/certificates.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { mutated, v1Headers, v2Headers } from "../support/proxy-header.ts";
import { requires } from "../support/requires.ts";

const valid = fc.oneof(v1Headers, v2Headers);
const inputs = fc.oneof(
  { weight: 2, arbitrary: valid },
  { weight: 3, arbitrary: mutated(valid) },
  { weight: 1, arbitrary: mutated(mutated(valid)) },
);

/** What a reader makes of the bytes of one connection, its end included. */
interface Reading {
  readonly accepted: boolean;
  /** Source and destination; undefined for those of the connection itself. */
  readonly addresses?: string | undefined;
  readonly rest?: string;
  readonly why?: string;
}

/** HAProxy accepts these: octets, ports and spaces are cut, filled up or empty there. We follow the document's text. */
const stricter =
  /^an address or a port is not one of TCP[46]$|^there are not two addresses|^TLV: two of|^SSL sub-TLV|^the authority is not|^an empty application|^the SSL TLV/;
/** HAProxy refuses these, though the document lets a reader take them: all but TCP, and a talkative UNKNOWN. */
const moreLiberal = (bytes: Buffer) =>
  bytes.toString("latin1").startsWith("PROXY UNKNOWN ") ||
  (bytes[12] === 0x21 && ![0x11, 0x21].includes(bytes[13] ?? 0));

suite("HAProxy and we", requires("haproxy"), () => {
  test("make the same of two thousand headers, good and bad", async (t) => {
    // unix sockets all along: thousands of connections, but no port that another test could miss
    using folder = writeFiles({});
    const [entrance, echo] = [folder.path("in.sock"), folder.path("echo.sock")];
    const server = createServer({ allowHalfOpen: true }, (socket) =>
      socket.on("error", () => {}).pipe(socket),
    );
    server.listen(echo);
    await once(server, "listening");
    t.after(() => server.close());
    // what HAProxy has understood comes back as the header that it sends to the echo
    await using _ = await startHaproxy(
      "tcp",
      `
frontend reader
  bind unix@${entrance} accept-proxy backlog 1024
  default_backend echo
backend echo
  server echo unix@${echo} send-proxy
`,
    );
    const samples = fc.sample(inputs, { numRuns: 2000, seed: 2000 });
    const seen = { "both accept": 0, "both refuse": 0, "only HAProxy": 0, "only we": 0 };
    await inParallel(samples, 50, async (bytes) => {
      // a byte for whoever comes after the header
      const sent = Buffer.concat([bytes, Buffer.from("!")]);
      const [theirs, ours] = [await askHaproxy(entrance, sent), readOurselves(sent)];
      const about = `${JSON.stringify(sent.toString("latin1"))}: ${JSON.stringify({ theirs, ours })}`;
      if (theirs.accepted && ours.accepted) {
        seen["both accept"]++;
        assert.deepEqual([theirs.addresses, theirs.rest], [ours.addresses, ours.rest], about);
      } else if (theirs.accepted) {
        seen["only HAProxy"]++;
        assert.match(ours.why ?? "", stricter, about);
      } else if (ours.accepted) {
        seen["only we"]++;
        assert.ok(moreLiberal(sent), about);
      } else seen["both refuse"]++;
    });
    t.diagnostic(JSON.stringify(seen));
    assert.ok(seen["both accept"] > 800 && seen["both refuse"] > 300, JSON.stringify(seen));
  });
});

function readOurselves(bytes: Buffer): Reading {
  const parsed = parseProxyHeader(bytes);
  if (parsed.kind !== "value")
    return { accepted: false, why: parsed.kind === "bad" ? parsed.reason : "incomplete" };
  const { endpoints } = parsed.value;
  const addresses =
    endpoints &&
    [endpoints.source, endpoints.destination].map((end) =>
      end.kind === "tcp" ? `${end.host} ${end.port}` : end.path,
    );
  return {
    accepted: true,
    addresses: addresses?.join(" "),
    rest: bytes.toString("latin1", parsed.length),
  };
}

function askHaproxy(path: string, bytes: Buffer): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      // a refusal may reset what it has not read
      socket.off("error", reject).on("error", () => {});
      socket.end(bytes);
    });
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.once("close", () => {
      const text = Buffer.concat(received).toString("latin1");
      const line = /^PROXY (?:UNKNOWN|TCP[46] (\S+) (\S+) (\d+) (\d+))\r\n/.exec(text);
      if (!line) return resolve({ accepted: false, why: text });
      const [whole, source, destination = "", sourcePort, destinationPort] = line;
      const addresses =
        source && `${canonical(source)} ${sourcePort} ${canonical(destination)} ${destinationPort}`;
      resolve({ accepted: true, addresses, rest: text.slice(whole.length) });
    });
  });
}

function canonical(host: string): string {
  return ipText(ipBytes(host) ?? new Uint8Array());
}

async function inParallel<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
