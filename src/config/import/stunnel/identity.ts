import type { Block } from "../commented-yaml.ts";
import type { Reader } from "./reader.ts";

/** Writes who we are. Returns why it cannot be carried over; undefined when it is, or when there is none. */
export function writeIdentity(reader: Reader, tls: Block): string | undefined {
  const cert = reader.last("cert");
  const key = reader.last("key");
  const engines = reader.all("engineId", "engineNum");
  for (const setting of engines) reader.refuse(setting, "there are no engines here; give the key as a file");
  if (engines.length > 0) return "its key is in an engine";
  if (!cert) {
    reader.drop(key, "without cert it says nothing");
    return undefined;
  }
  for (const setting of [cert, key])
    if (setting && /^[a-z0-9]+:/i.test(setting.value) && !/^[a-z]:[\\/]/i.test(setting.value)) {
      reader.refuse(setting, "certificates and keys are read from files, not from tokens and stores");
      return "its key is not in a file";
    }
  if (/\.(p12|pfx)$/i.test(cert.value)) {
    tls.set("pfx", cert.value, "if it has a passphrase: passphrase: { file: … }");
    reader.drop(key, "it is in the PKCS#12 file");
    return undefined;
  }
  tls.set("cert", cert.value);
  // stunnel's default: both in one file
  tls.set("key", key?.value ?? cert.value);
  return undefined;
}
