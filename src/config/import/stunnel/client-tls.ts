import { isIP } from "node:net";
import type { Address } from "../../../core/address.ts";
import { Block } from "../commented-yaml.ts";
import { writeIdentity } from "./identity.ts";
import { writeProtocol } from "./protocol.ts";
import type { Reader } from "./reader.ts";
import { dropPskSessions, judgeClientSessions } from "./sessions.ts";
import {
  chainAuthorities,
  dropNames,
  isSystemStore,
  readAuthorities,
  readNames,
  readVerification,
  refuseNames,
  type Verification,
  writeRevocation,
} from "./verification.ts";

/** The `tls` of a backend. Returns why there can be none, where that is so. */
export function clientTls(reader: Reader, targets: readonly Address[]): Block | string {
  const tls = new Block();
  const secrets = reader.last("PSKsecrets");
  if (secrets) {
    const psk = new Block().set("file", secrets.value).set("identity", reader.text("PSKidentity"));
    tls.set("psk", psk);
    for (const name of ["cert", "key", "CAfile", "CApath"])
      reader.drop(reader.last(name), "with a pre-shared key there are no certificates");
    for (const setting of readVerification(reader).settings)
      reader.drop(setting, "the target proves itself by the key");
    dropNames(reader, "the target proves itself by the key");
    writeRevocation(reader, tls, { chain: false });
    writeServerName(reader, tls);
  } else {
    const fault = writeIdentity(reader, tls);
    if (fault !== undefined) return fault;
    writeChecks(reader, tls, targets);
    reader.drop(reader.last("PSKidentity"), "without PSKsecrets it says nothing");
  }
  writeProtocol(reader, tls, { psk: secrets !== undefined });
  reader.refuse(reader.last("redirect"), "it is for servers");
  if (secrets) dropPskSessions(reader);
  else judgeClientSessions(reader);
  return tls;
}

function writeChecks(reader: Reader, tls: Block, targets: readonly Address[]): void {
  const verification = readVerification(reader);
  const { chain, peer } = verification;
  if (!chain && !peer) {
    tls.set(
      "verify",
      "none",
      "DANGER: as in stunnel, nobody checks who the target is: anybody on the way can pose as it, read and change everything.",
      "Better: delete this line, so that chain and name are checked, and name the authority as ca: FILE unless the system trusts it.",
    );
    for (const name of ["CAfile", "CApath"]) reader.drop(reader.last(name), "nothing is verified");
    for (const setting of verification.settings) reader.drop(setting, "nothing is verified");
    dropNames(reader, "without verifyChain or verifyPeer stunnel does not look at it");
    writeRevocation(reader, tls, verification);
    writeServerName(reader, tls);
    return;
  }
  const { file, comment } =
    isSystemStore(reader) && !peer ? { file: undefined, comment: [] } : readAuthorities(reader);
  for (const setting of reader.all("requireCert")) reader.drop(setting, "a target always has a certificate");
  if (!chain) {
    tls.set("verify", "pin");
    tls.set("allow", new Block().set("certificates", file ?? "ca.crt", ...comment));
    refuseNames(reader);
    writeServerName(reader, tls);
  } else {
    if (file !== undefined) {
      const authorities = chainAuthorities(verification, { file, comment });
      tls.set("ca", authorities.file, ...authorities.comment);
    } else
      for (const name of ["CAfile", "CApath"]) reader.drop(reader.last(name), "it is what the system trusts");
    writeNames(reader, tls, { peer, file: file ?? "ca.crt", targets });
  }
  writeRevocation(reader, tls, verification);
}

/** Our `verify: full` has one name, for SNI and certificate alike; whatever is more is said with `allow`. */
function writeNames(
  reader: Reader,
  tls: Block,
  {
    peer,
    file,
    targets,
  }: Pick<Verification, "peer"> & { readonly file: string; readonly targets: readonly Address[] },
): void {
  const [host, ...more] = reader.all("checkHost", "checkIP", "checkEmail");
  const pins = peer ? new Block().set("certificates", file) : undefined;
  if (host && more.length === 0 && host.name !== "checkEmail" && suits(reader, host.value, targets)) {
    tls.set("serverName", host.value);
    tls.set("allow", pins);
    reader.all("sni");
    return;
  }
  tls.set(
    "verify",
    "chain",
    ...(host || peer
      ? []
      : [
          "As in stunnel, any certificate of the authority will do, whatever its name.",
          "Better: delete this line; then it must be for the target's host, or for serverName: NAME.",
        ]),
  );
  if (pins) refuseNames(reader);
  tls.set("allow", pins ?? readNames(reader));
  writeServerName(reader, tls);
}

/** Whether the name that is checked may be the one that is asked for, too. */
function suits(reader: Reader, name: string, targets: readonly Address[]): boolean {
  const sni = reader.text("sni");
  if (sni !== undefined) return sni.toLowerCase() === name.toLowerCase();
  return targets.every(
    (target) =>
      target.kind === "unix" || isIP(target.host) !== 0 || target.host.toLowerCase() === name.toLowerCase(),
  );
}

function writeServerName(reader: Reader, tls: Block): void {
  const sni = reader.text("sni") ?? proxied(reader);
  if (sni === "") tls.set("serverName", false, "no name is sent (SNI)");
  else tls.set("serverName", sni);
}

/** Behind a proxy it is the proxy's destination that is asked for. */
function proxied(reader: Reader): string | undefined {
  if (!/^(connect|socks)$/i.test(reader.text("protocol") ?? "")) return undefined;
  const host = reader.text("protocolHost")?.replace(/:\d+$/, "");
  return host !== undefined && isIP(host) === 0 ? host : undefined;
}
