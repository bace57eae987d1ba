import { Block } from "../commented-yaml.ts";
import type { Reader } from "./reader.ts";
import type { Setting } from "./settings.ts";

/** How the peer's certificate is checked. */
export interface Verification {
  /** Up to an authority. */
  readonly chain: boolean;
  /** It is one of those in CAfile. */
  readonly peer: boolean;
  readonly required: boolean;
  /** It is one of those in CAfile, and not revoked: which is known by its authority, so that it goes up to one as well. */
  readonly pinned: boolean;
  /** What of it was said, for what there is to say about it. */
  readonly settings: readonly Setting[];
}

/** stunnel reads these in the order of the file, and so do we. */
export function readVerification(reader: Reader): Verification {
  let [chain, peer, required] = [false, false, false];
  const settings = reader.all("verify", "verifyChain", "verifyPeer", "requireCert");
  for (const { name, value } of settings) {
    const on = /^(yes|true|on|1)$/i.test(value);
    if (name === "verifyChain") [chain, required] = [on, on || required];
    else if (name === "verifyPeer") [peer, required] = [on, on || required];
    else if (name === "requireCert") required = on;
    else {
      const level = Number(value);
      [chain, peer, required] = [level >= 1 && level <= 3, level >= 3, level >= 2];
    }
  }
  const pinned = peer && asksWhatIsRevoked(reader);
  return { chain: chain || pinned, peer, required, pinned, settings };
}

function asksWhatIsRevoked(reader: Reader): boolean {
  const given = ["CRLfile", "CRLpath", "OCSP"].some((name) => reader.last(name) !== undefined);
  return given || reader.flag("OCSPaia") === true;
}

/** The file of authorities. A folder has to be made one, and until then nobody is trusted. */
export function readAuthorities(reader: Reader): {
  readonly file: string | undefined;
  readonly comment: string[];
} {
  const file = reader.last("CAfile");
  const folder = reader.last("CApath");
  if (file) {
    reader.refuse(folder, "one file is read: add the folder's certificates to CAfile");
    return { file: file.value, comment: [] };
  }
  if (!folder) return { file: undefined, comment: [] };
  const path = folder.value.replace(/\/+$/, "");
  return {
    file: `${path}/all.pem`,
    comment: [`${folder.place}: a file is read, not a folder; make it: cat ${path}/*.0 > ${path}/all.pem`],
  };
}

/** What of CAfile the chain goes up to. */
export function chainAuthorities(
  { pinned }: Verification,
  { file, comment }: { readonly file: string; readonly comment: readonly string[] },
): { readonly file: string; readonly comment: readonly string[] } {
  if (!pinned) return { file, comment };
  return {
    file: `${file}.authorities`,
    comment: [
      ...comment,
      `make it of the authorities in ${file}, without the certificates that may come in: of those in ca, nobody is asked whether they are revoked`,
    ],
  };
}

/** Folders that hold what the system trusts, which needs no naming. */
export function isSystemStore(reader: Reader): boolean {
  const [file, folder] = [reader.text("CAfile"), reader.text("CApath")];
  if (file !== undefined)
    return /^\/etc\/(ssl\/certs\/ca-certificates\.crt|pki\/tls\/certs\/ca-bundle\.crt|ssl\/cert\.pem)$/.test(
      file,
    );
  return (
    folder !== undefined && /^\/(etc\/ssl\/certs|etc\/pki\/tls\/certs|usr\/lib\/ssl\/certs)\/?$/.test(folder)
  );
}

/** Revocation, for `client` and for a backend's `tls` alike. */
export function writeRevocation(reader: Reader, block: Block, { chain }: Pick<Verification, "chain">): void {
  const lists = ["CRLfile", "CRLpath"].flatMap((name) => reader.last(name) ?? []);
  const [responder, aia] = [reader.last("OCSP"), reader.last("OCSPaia")];
  const wanted = responder !== undefined || reader.flag("OCSPaia") === true;
  const details = ["OCSPnonce", "OCSPrequire", "TIMEOUTocsp"].flatMap((name) => reader.last(name) ?? []);
  if (!chain) {
    for (const setting of lists)
      reader.refuse(setting, "without verifyChain no authority is known that could revoke");
    if (wanted) for (const setting of [responder, aia]) reader.refuse(setting, "it needs verifyChain");
    else reader.drop(aia, "it is the default");
    for (const setting of details) reader.drop(setting, "nobody is asked");
    return;
  }
  const [first, ...more] = lists.map(({ value }) => value);
  block.set("crl", more.length > 0 && first !== undefined ? [first, ...more] : first);
  if (!wanted) {
    reader.drop(aia, "it is the default");
    for (const setting of details) reader.drop(setting, "nobody is asked");
    return;
  }
  const ocsp = new Block();
  ocsp.set(
    "mode",
    reader.flag("OCSPrequire") === false ? "soft" : "hard",
    "soft lets a peer in when no answer can be had",
  );
  ocsp.set("responder", responder?.value);
  if (reader.flag("OCSPnonce") === true) ocsp.set("nonce", true);
  else reader.drop(reader.last("OCSPnonce"), "it is the default");
  ocsp.set("timeout", reader.seconds("TIMEOUTocsp"));
  block.set("ocsp", ocsp);
  if (reader.flag("OCSPaia") !== true) reader.drop(aia, "it is the default");
  else if (responder) reader.remark(aia, "the responder that OCSP names is asked, and no other");
}

/** Whom the certificate must name; undefined when nobody is named. */
export function readNames(reader: Reader): Block | undefined {
  const values = (name: string) => {
    const found = reader.all(name).map(({ value }) => value);
    return found.length > 0 ? found : undefined;
  };
  const allow = new Block()
    .set("dns", values("checkHost"))
    .set("ip", values("checkIP"))
    .set("email", values("checkEmail"));
  return allow.isEmpty ? undefined : allow;
}

/** Certificates that are named one by one need no name of theirs as well. */
export function refuseNames(reader: Reader): void {
  for (const setting of reader.all("checkHost", "checkIP", "checkEmail"))
    reader.refuse(
      setting,
      "every certificate in CAfile is good, whatever its name: leave in it only those that have this one",
    );
}

/** For names that are not looked at. */
export function dropNames(reader: Reader, reason: string): void {
  for (const setting of reader.all("checkHost", "checkIP", "checkEmail")) reader.drop(setting, reason);
}
