/** OCSP responders: openssl's own, and one that answers whatever it is told to. */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { subjectOf } from "../../src/pki/certificate-parts.ts";
import {
  type Der,
  encode,
  encodedSequence,
  enumerated,
  generalizedTime,
  integer,
  nothing,
  octets,
  oid,
  sequence,
  tagged,
  taggedBytes,
} from "../../src/pki/der.ts";
import { signed } from "../../src/pki/signed.ts";
import { readCertificate } from "../../src/protocol/x509/certificate.ts";
import { encodeOcspRequest } from "../../src/protocol/x509/ocsp-request.ts";
import { type TestAuthority, type TestCertificate, writeFiles } from "./certificates.ts";
import { openssl } from "./openssl.ts";
import { freePort } from "./ports.ts";
import { startProgram } from "./program.ts";

export interface Signer {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface IndexEntry {
  readonly certificate: X509Certificate;
  readonly revoked?: boolean;
}

export interface OpensslResponder {
  readonly authority: TestAuthority;
  /** Default: the authority itself. */
  readonly signer?: Signer;
  /** Certificates that it knows. */
  readonly index: readonly IndexEntry[];
  /** Default: answers are good for five minutes. */
  readonly args?: readonly string[];
}

/** openssl's answer to a request, made without a network. */
export function opensslAnswer(request: Buffer, responder: OpensslResponder): Buffer {
  using files = responderFiles(responder);
  writeFileSync(files.path("request.der"), request);
  const out = files.path("answer.der");
  const { ok, text } = openssl(
    "ocsp",
    ...argsOf(responder, files),
    "-reqin",
    files.path("request.der"),
    "-respout",
    out,
  );
  if (!ok) throw new Error(text);
  return readFileSync(out);
}

/** `openssl ocsp` as a server. */
export async function startOpensslResponder(responder: OpensslResponder) {
  await using cleanup = new AsyncDisposableStack();
  const files = cleanup.use(responderFiles(responder));
  const port = await freePort();
  const program = cleanup.use(
    await startProgram("openssl", ["ocsp", ...argsOf(responder, files), "-port", String(port)], {
      ready: /waiting for OCSP client connections/i,
    }),
  );
  const owned = cleanup.move();
  return {
    url: `http://127.0.0.1:${port}/`,
    program,
    /** It looks for another index after a question, before it waits for the next: so one is asked. */
    setIndex: async (index: readonly IndexEntry[]) => {
      writeFileSync(files.path("index.new"), indexText(index));
      renameSync(files.path("index.new"), files.path("index.txt"));
      const issuer = readCertificate(responder.authority.certificate.raw);
      const body = encodeOcspRequest({ certificate: issuer, issuer });
      const headers = { "content-type": "application/ocsp-request" };
      await (
        await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body: new Uint8Array(body) })
      ).bytes();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export interface Responder extends AsyncDisposable {
  readonly url: string;
  /** Questions so far. */
  readonly asked: readonly Buffer[];
  answer: Answer;
}

/** What it sends to a question; undefined: nothing, ever. */
export type Answer = (request: Buffer) => Reply | Promise<Reply>;
export type Reply = Buffer | { readonly status: number } | undefined;

/** A responder that answers what the test wants. */
export async function startResponder(answer: Answer): Promise<Responder> {
  const asked: Buffer[] = [];
  const responder = { answer };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const question = Buffer.concat(chunks);
    asked.push(question);
    const reply = await responder.answer(question);
    if (reply === undefined) return;
    if (Buffer.isBuffer(reply)) response.setHeader("content-type", "application/ocsp-response").end(reply);
    else response.writeHead(reply.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return Object.assign(responder, {
    url,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const hashes = {
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha512: "2.16.840.1.101.3.4.2.3",
} as const;

export interface OddAnswer {
  readonly authority: TestAuthority;
  readonly about: Pick<TestCertificate, "certificate">;
  readonly status?: "good" | "revoked" | "unknown";
  readonly thisUpdate?: Date;
  /** null: left out. */
  readonly nextUpdate?: Date | null;
  readonly producedAt?: Date;
  readonly signer?: Signer;
  /** Of the issuer, in the certificate's id. Default: sha1. */
  readonly hash?: keyof typeof hashes;
  readonly certificates?: readonly Buffer[];
  readonly nonce?: Buffer;
  readonly extensions?: readonly Der[];
  readonly singleExtensions?: readonly Der[];
}

/** An answer that openssl would not give. */
export function oddAnswer(odd: OddAnswer): Buffer {
  const { authority, about, signer = authority, certificates = [], hash = "sha1" } = odd;
  const now = Date.now();
  const thisUpdate = odd.thisUpdate ?? new Date(now - 60_000);
  const nextUpdate = odd.nextUpdate === undefined ? new Date(now + 3_600_000) : odd.nextUpdate;
  const issuer = readCertificate(authority.certificate.raw);
  const digest = (bytes: Buffer) => octets(createHash(hash).update(bytes).digest());
  const certId = sequence(
    sequence(oid(hashes[hash]), nothing()),
    digest(issuer.subject),
    digest(issuer.keyBits),
    integer(readCertificate(about.certificate.raw).serial),
  );
  const nonce = odd.nonce && sequence(oid("1.3.6.1.5.5.7.48.1.2"), octets(encode(octets(odd.nonce))));
  const extensions = [...(nonce ? [nonce] : []), ...(odd.extensions ?? [])];
  const single = sequence(
    certId,
    statusOf(odd.status ?? "good"),
    generalizedTime(thisUpdate),
    nextUpdate ? tagged(0, generalizedTime(nextUpdate)) : undefined,
    odd.singleExtensions ? tagged(1, sequence(...odd.singleExtensions)) : undefined,
  );
  const data = sequence(
    tagged(1, encodedSequence(subjectOf(new X509Certificate(signer.cert)))),
    generalizedTime(odd.producedAt ?? thisUpdate),
    sequence(single),
    extensions.length > 0 ? tagged(1, sequence(...extensions)) : undefined,
  );
  const basic = withCertificates(signed(data, createPrivateKey(signer.key)), certificates);
  const response = sequence(oid("1.3.6.1.5.5.7.48.1.1"), octets(basic));
  return encode(sequence(enumerated(0), tagged(0, response)));
}

function statusOf(status: "good" | "revoked" | "unknown"): Der {
  switch (status) {
    case "good":
      return taggedBytes(0, Buffer.alloc(0));
    case "revoked":
      return tagged(1, generalizedTime(new Date("2026-01-02T03:04:05Z")), tagged(0, enumerated(1)));
    case "unknown":
      return taggedBytes(2, Buffer.alloc(0));
  }
}

/** Adds `[0] EXPLICIT SEQUENCE OF Certificate` behind the signature. */
function withCertificates(basic: Buffer, certificates: readonly Buffer[]): Buffer {
  if (certificates.length === 0) return basic;
  const list = encode(tagged(0, sequence(...certificates.map((der) => encodedSequence(der)))));
  const length = basic.readUInt8(1);
  const header = 2 + (length < 0x80 ? 0 : length & 0x7f);
  const content = Buffer.concat([basic.subarray(header), list]);
  const outer = Buffer.from([0x30, 0x82, content.length >> 8, content.length & 0xff]);
  return Buffer.concat([outer, content]);
}

function responderFiles({ authority, signer = authority, index }: OpensslResponder) {
  return writeFiles({
    "ca.crt": authority.cert,
    "signer.crt": signer.cert,
    "signer.key": signer.key,
    "index.txt": indexText(index),
    "index.txt.attr": "unique_subject = no\n",
  });
}

function argsOf(
  { args = ["-nmin", "5"] }: OpensslResponder,
  files: { path(name: string): string },
): readonly string[] {
  const signer = ["-rsigner", files.path("signer.crt"), "-rkey", files.path("signer.key")];
  return ["-index", files.path("index.txt"), "-CA", files.path("ca.crt"), ...signer, ...args];
}

/** What `openssl ca` keeps. */
function indexText(index: readonly IndexEntry[]): string {
  return index
    .map(({ certificate: { serialNumber, validToDate }, revoked }) => {
      const state = revoked ? "R" : "V";
      const since = revoked ? "260102030405Z,keyCompromise" : "";
      const serial = serialNumber
        .padStart(serialNumber.length + (serialNumber.length % 2), "0")
        .toUpperCase();
      return `${state}\t${utcTime(validToDate)}\t${since}\t${serial}\tunknown\t/CN=${serial}\n`;
    })
    .join("");
}

function utcTime(date: Date): string {
  return `${date
    .toISOString()
    .replaceAll(/[-:T]|\.\d+/g, "")
    .slice(2, 14)}Z`;
}
