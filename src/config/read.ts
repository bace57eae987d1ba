import { closeSync, openSync, readSync } from "node:fs";
import { InputError } from "./diagnostics.ts";
import { readDocument } from "./document.ts";
import type { Environment } from "./environment.ts";
import type { Reading } from "./source.ts";

/** Bytes; a file of thousands of tunnels has less. */
const largest = 1024 * 1024;

/** @throws InputError when there is nothing to read */
export function readConfigFile(file: string, env: Environment): Reading {
  const bytes = readBytes(file);
  if (bytes.length > largest)
    return unusable(file, "the file is larger than 1 MiB; split it and include the parts");
  try {
    // a byte order mark is dropped, as YAML wants it
    return readDocument(file, new TextDecoder("utf-8", { fatal: true }).decode(bytes), env);
  } catch (error) {
    if (!(error instanceof TypeError && "code" in error)) throw error;
    return unusable(file, "the file is not UTF-8 text; save it as UTF-8");
  }
}

/** One byte more than allowed at most, so that neither a device nor a mistake fills the memory. */
function readBytes(file: string): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    const bytes = Buffer.alloc(largest + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw new InputError(`${file}: ${reason(error)}`, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
      return "permission denied";
    case "EISDIR":
      return "this is a folder, not a file";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function unusable(file: string, message: string): Reading {
  const range = { start: 0, end: 0 };
  const source = { file, text: "", secrets: [], locate: () => ({ path: [], range }) };
  return { source, data: undefined, faults: [{ path: [], message }] };
}
