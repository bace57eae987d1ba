/** Bytes whose loss, repetition or reordering shows, and what became of them at the other end. */
import { createCipheriv, createHash } from "node:crypto";
import type { Duplex, Readable, Writable } from "node:stream";

export const KiB = 1024;
export const MiB = 1024 * KiB;

/** The same random bytes for the same name, always: a failure can be repeated. */
export function randomBytesFor(name: string, length: number): Buffer {
  const key = createHash("sha256").update(name).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Everything that one side got, and how it ended: `eof`, or the code of an error. */
export interface Received {
  readonly length: number;
  readonly sha256: string;
  readonly end: string;
}

/** Reads until the end, whichever it is. */
export async function receive(stream: Readable): Promise<Received> {
  const hash = createHash("sha256");
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    hash.update(chunk);
  });
  const end = await ending(stream);
  return { length, sha256: hash.digest("hex"), end };
}

/** Reads until the end, whichever it is, and keeps the bytes. */
export async function receiveBytes(
  stream: Readable,
): Promise<{ readonly bytes: Buffer; readonly end: string }> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const end = await ending(stream);
  return { bytes: Buffer.concat(chunks), end };
}

/** What `receive` gives when all of `bytes` has arrived and a clean end after it. */
export function whole(bytes: Buffer): Received {
  return { length: bytes.length, sha256: sha256(bytes), end: "eof" };
}

/** How the reading side ends: `eof`, the code of an error, or `closed` when nothing was told. */
export function ending(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    stream.once("end", () => resolve("eof"));
    stream.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    stream.once("close", () => resolve("closed"));
  });
}

/** Reads everything as it comes; `take` resolves with the next `length` bytes, or fewer when the stream is over. */
export function inbox(stream: Duplex): { take(length: number): Promise<Buffer> } {
  let bytes = Buffer.alloc(0);
  let over = false;
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };
  stream.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    tell();
  });
  ending(stream).then(() => {
    over = true;
    tell();
  });
  return {
    take: async (length) => {
      while (bytes.length < length && !over) await news.promise;
      const taken = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      return taken;
    },
  };
}

/** Writes `bytes` in pieces, no faster than they are taken. Gives up quietly when the stream is over. */
export async function send(stream: Writable, bytes: Buffer, piece = 64 * KiB): Promise<void> {
  for (let at = 0; at < bytes.length && stream.writable; at += piece)
    if (!stream.write(bytes.subarray(at, at + piece))) await drained(stream);
}

/** Resolves when `stream` takes more, or never will. */
export async function drained(stream: Writable): Promise<void> {
  if (!stream.writableNeedDrain || stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const over = () => {
      stream.off("drain", over).off("close", over);
      resolve();
    };
    stream.on("drain", over).on("close", over);
  });
}
