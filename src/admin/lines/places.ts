import { isAbsolute, resolve } from "node:path";
import { type Address, formatAddress, parseAddress } from "../../core/address.ts";

/** An address as the line protocol writes it, and as the rest of the program does. */
export interface Place {
  readonly address: Address;
  /** As in configuration and status. */
  readonly text: string;
  /** As in the replies: a bare port for every interface, a bare path for a unix socket. */
  readonly shown: string;
}

/**
 * @param folder what relative paths of unix sockets start from
 * @throws RangeError
 */
export function listenerPlace(text: string, folder: string): Place {
  return placeOf(isPath(text) ? unixAddress(text, folder) : parseAddress(text, "0.0.0.0"));
}

/**
 * @param listener lends its port to a target that has none
 * @throws RangeError
 */
export function targetPlace(text: string, listener: Address, folder: string): Place {
  if (isPath(text)) return placeOf(unixAddress(text, folder));
  if (/^\d+$/.test(text) || hasPort(text) || listener.kind !== "tcp")
    return placeOf(parseAddress(text, "127.0.0.1"));
  return placeOf(parseAddress(`${text}:${listener.port}`, "127.0.0.1"));
}

export function placeOf(address: Address): Place {
  const text = formatAddress(address);
  if (address.kind === "unix") return { address, text, shown: address.path };
  return { address, text, shown: address.host === "0.0.0.0" ? String(address.port) : text };
}

function hasPort(text: string): boolean {
  return text.startsWith("[") ? !text.endsWith("]") : text.includes(":");
}

function isPath(text: string): boolean {
  return text.startsWith("unix:") || (text.includes("/") && !text.includes(":"));
}

function unixAddress(text: string, folder: string): Address {
  const path = text.replace(/^unix:/, "");
  // checks length and content
  return parseAddress(`unix:${isAbsolute(path) ? path : resolve(folder, path)}`, "");
}
