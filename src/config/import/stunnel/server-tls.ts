import { formatAddress } from "../../../core/address.ts";
import { Block } from "../commented-yaml.ts";
import { stunnelAddress } from "./addresses.ts";
import { writeIdentity } from "./identity.ts";
import { writeProtocol } from "./protocol.ts";
import type { Reader } from "./reader.ts";
import { dropPskSessions, serverSessions } from "./sessions.ts";
import {
  chainAuthorities,
  dropNames,
  readAuthorities,
  readNames,
  readVerification,
  refuseNames,
  writeRevocation,
} from "./verification.ts";

/** The `tls` of a frontend or route. Returns why there can be none, where that is so. */
export function serverTls(reader: Reader): Block | string {
  const tls = new Block();
  const secrets = reader.last("PSKsecrets");
  if (secrets) {
    for (const name of ["cert", "key"])
      reader.refuse(
        reader.last(name),
        "a frontend has either certificates or pre-shared keys; for clients with a certificate make a tunnel of its own",
      );
    tls.set("psk", new Block().set("file", secrets.value));
  } else {
    const fault = writeIdentity(reader, tls);
    if (fault !== undefined) return fault;
    if (tls.isEmpty) return "a server needs cert, or PSKsecrets";
  }
  reader.drop(
    reader.last("PSKidentity"),
    "it is for clients; psk: { allow: [ … ] } says which ones are let in",
  );
  writeProtocol(reader, tls, { psk: secrets !== undefined });
  const client = clientBlock(reader, secrets !== undefined);
  if (typeof client === "string") return client;
  tls.set("client", client);
  if (secrets) dropPskSessions(reader);
  else tls.set("session", serverSessions(reader));
  return tls;
}

/** Returns why there can be no tunnel, where everybody would be let in whom stunnel turns away. */
function clientBlock(reader: Reader, psk: boolean): Block | string | undefined {
  const verification = readVerification(reader);
  const { chain, peer, required, settings } = verification;
  const redirect = reader.last("redirect");
  const client = new Block();
  if (psk || (!chain && !peer)) {
    for (const setting of settings)
      if (/^(yes|[1-9])$/i.test(setting.value))
        reader.refuse(
          setting,
          psk
            ? "with pre-shared keys no client is asked for a certificate"
            : "a certificate that nobody has to vouch for protects nothing; say client: { verify: required, ca: FILE }",
        );
      else reader.drop(setting, "clients are not asked for certificates unless the file says so");
    reader.refuse(redirect, "nobody is turned away, so there is nobody to redirect");
    for (const name of ["CAfile", "CApath"]) reader.drop(reader.last(name), "no client is verified");
    dropNames(reader, "no client is verified");
    writeRevocation(reader, client, { chain: false });
    if (required && !psk)
      return "it wants a certificate of each client and no authority for it, so that anybody can make one; give verifyChain = yes and CAfile, or take requireCert out";
    return undefined;
  }
  const elsewhere = redirect && stunnelAddress(redirect.value, "127.0.0.1");
  if (elsewhere && !required)
    reader.remark(redirect, "clients without a certificate are redirected, too, as by stunnel");
  client.set("verify", required || elsewhere ? "required" : "optional");
  const { file = "ca.crt", comment } = readAuthorities(reader);
  if (chain) {
    const authorities = chainAuthorities(verification, { file, comment });
    client.set("ca", authorities.file, ...authorities.comment);
  }
  if (peer) {
    client.set("allow", new Block().set("certificates", file, ...(chain ? [] : comment)));
    refuseNames(reader);
  } else client.set("allow", readNames(reader));
  if (elsewhere) client.set("redirect", formatAddress(elsewhere));
  else reader.refuse(redirect, "it is no address");
  writeRevocation(reader, client, verification);
  return client;
}
