/**
 * Loaded into the program before its own modules (`node --import`): a function of Node's fails once for each time that the
 * file `EQUILIBRIA_FAULT_FILE` is written, which names it.
 */
import { fstatSync, readFileSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Socket } from "node:net";
import { TLSSocket } from "node:tls";

const file = process.env["EQUILIBRIA_FAULT_FILE"] ?? "";

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** @param faultOf the name of the fault that this call would meet; undefined for none */
function wrap(prototype: object, name: string, faultOf: (self: unknown) => string | undefined): void {
  const methods = prototype as Record<string, Method>;
  const original = methods[name];
  if (!original) throw new Error(`Node has no ${name}`);
  methods[name] = function (...args) {
    const fault = faultOf(this);
    if (fault !== undefined && isDue(fault))
      throw Object.assign(new Error(`injected: ${fault}`), { code: "EIO" });
    return original.apply(this, args);
  };
}

function isDue(fault: string): boolean {
  try {
    if (readFileSync(file, "utf8") !== fault) return false;
    // in one process only: whoever removes it
    rmSync(file);
    return true;
  } catch {
    return false;
  }
}

wrap(Socket.prototype, "connect", () => "connect");
for (const name of ["write", "end"])
  wrap(Socket.prototype, name, (self) => ((self as Socket).remoteAddress === undefined ? undefined : name));
wrap(TLSSocket.prototype, "getProtocol", () => "getProtocol");
// the class of file handles has no name that could be imported
const handle = await open(import.meta.filename);
const handles = Object.getPrototypeOf(handle) as object;
wrap(handles, "writeFile", () => "writeFile");
wrap(handles, "sync", (self) =>
  fstatSync((self as FileHandle).fd).isDirectory() ? "sync of a folder" : "sync",
);
await handle.close();
