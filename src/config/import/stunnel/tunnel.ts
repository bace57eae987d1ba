import { type Address, formatAddress } from "../../../core/address.ts";
import { Block } from "../commented-yaml.ts";
import { stunnelAddress } from "./addresses.ts";
import { backendBlock, readTargets } from "./backend.ts";
import { clientTls } from "./client-tls.ts";
import { type Negotiated, negotiated } from "./negotiate.ts";
import { fixedOptions, stunnelOptions } from "./options.ts";
import type { Reader } from "./reader.ts";
import { serverTls } from "./server-tls.ts";
import { judgeSurroundings } from "./surroundings.ts";

/** What a service becomes: the parts of a tunnel, or why it cannot be one. */
export interface Parts {
  readonly frontend: Block;
  readonly backend: Block;
  /** The frontend's, for a route of its own. */
  readonly serverTls: Block | undefined;
}

/** @param name what the tunnel will be called */
export function translateService(reader: Reader, name: string): Parts | string {
  const client = reader.flag("client") === true;
  const targets = readTargets(reader);
  const protocol = negotiated(reader, { client, service: name });
  const tls = client ? clientTls(reader, targets) : serverTls(reader);
  if (typeof tls === "string") return finish(reader, { client }, tls);
  const frontend = new Block();
  const listen = readListeners(reader);
  frontend.set("listen", listen.length === 1 ? listen[0] : listen);
  frontend.set("negotiate", protocol.frontend);
  if (!client) frontend.set("tls", tls);
  frontend.set("timeouts", timeouts(reader, { client }));
  const backend = backendBlock(reader, targets, { tls: client ? tls : undefined, negotiated: protocol });
  const isSecondary = !client && reader.last("sni") !== undefined;
  const lacks = isSecondary ? secondaryLack(reader, protocol) : listenerLack(listen);
  const whole =
    lackOf(reader, protocol) ??
    lacks ??
    (targets.length === 0 && !protocol.destination ? "it connects to nothing: give connect" : undefined);
  return finish(reader, { client }, whole ?? { frontend, backend, serverTls: client ? undefined : tls });
}

/** Why there can be no tunnel, whatever its place: among others, where it would let in whom stunnel keeps out. */
function lackOf(reader: Reader, { fault }: Negotiated): string | undefined {
  if (reader.last("exec") !== undefined) return "it starts a program";
  if (fault !== undefined) return fault;
  if (reader.flag("libwrap") === true)
    return "hosts.allow and hosts.deny, which it asks, are not read: take libwrap out, and write frontend.allow and frontend.deny into what comes out";
  if (reader.last("ident") !== undefined)
    return "nobody is asked which user a client is (RFC 1413): take ident out, and write frontend.allow into what comes out";
  return undefined;
}

function listenerLack(listen: readonly string[]): string | undefined {
  return listen.length === 0 ? "it accepts nothing (inetd mode): give accept" : undefined;
}

/** A virtual server is a route, and what is said of clients and sessions is said of its tunnel. */
function secondaryLack(reader: Reader, protocol: Negotiated): string | undefined {
  for (const setting of reader.all("accept", "TIMEOUTbusy", "TIMEOUTidle", "TIMEOUTclose"))
    if (!setting.global) reader.refuse(setting, "what its primary service says holds for it, too");
  if (protocol.destination) return "no route asks its clients where they want to go";
  const dialogue = reader.last("protocol");
  if (protocol.frontend !== undefined && dialogue?.global === false)
    reader.refuse(dialogue, "before TLS, it is the primary service that speaks");
  return undefined;
}

/** Says of what is left why it is left. */
function finish<Result>(reader: Reader, side: { readonly client: boolean }, result: Result): Result {
  judgeSurroundings(reader, side);
  judgeServiceOwner(reader);
  for (const setting of reader.all("exec", "ident"))
    reader.refuse(setting, fixedOptions[setting.name]?.why ?? "");
  for (const setting of reader.rest) {
    const fixed = fixedOptions[setting.name];
    if (fixed) reader[fixed.verdict](setting, fixed.why);
    else if (/^(CAfile|CApath)$/.test(setting.name)) reader.drop(setting, "nothing is verified with it");
    else if (setting.name === "debug")
      reader.refuse(setting, "there is one level for all tunnels: log: { level: … }");
    else if (setting.name === "fips") reader.refuse(setting, "stunnel takes it for the whole program only");
    else
      reader.refuse(
        setting,
        stunnelOptions.includes(setting.name)
          ? "the service cannot be carried over"
          : "stunnel has no such option",
      );
  }
  return result;
}

function judgeServiceOwner(reader: Reader): void {
  for (const setting of reader.all("setuid", "setgid"))
    if (!setting.global)
      reader.refuse(
        setting,
        "unix sockets belong to whoever runs the program; frontend.unixMode opens them to others",
      );
}

function readListeners(reader: Reader): readonly string[] {
  const listeners = reader.all("accept").flatMap((setting): readonly Address[] => {
    const address = stunnelAddress(setting.value, "0.0.0.0");
    if (!address) reader.refuse(setting, "it is no address: give host:PORT with a number");
    return address ? [address] : [];
  });
  return listeners.map(formatAddress);
}

function timeouts(reader: Reader, { client }: { readonly client: boolean }): Block {
  const block = new Block();
  const positive = (name: string): string | undefined => {
    const setting = reader.last(name);
    const value = reader.seconds(name);
    if (value !== "0s") return value;
    reader.refuse(
      setting,
      name === "TIMEOUTclose"
        ? "a missing close_notify is tolerated anyway, and nothing that waits to be sent is thrown away"
        : "0 means never here, and at once there",
    );
    return undefined;
  };
  if (!client) block.set("handshake", positive("TIMEOUTbusy"));
  block.set("idle", positive("TIMEOUTidle"));
  block.set("halfClose", positive("TIMEOUTclose"));
  return block;
}
