import { defaultCiphers } from "../../../tls/protocol-options.ts";
import type { Block } from "../commented-yaml.ts";
import type { Reader } from "./reader.ts";
import type { Setting } from "./settings.ts";

const versions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
const oldest = "TLSv1.2";
const newest = "TLSv1.3";
const usualBound: Readonly<Record<string, string>> = { sslVersionMin: oldest, sslVersionMax: newest };

/** Writes versions, suites, groups and signature algorithms. */
export function writeProtocol(reader: Reader, tls: Block, { psk }: { readonly psk: boolean }): void {
  const commands = readCommands(reader);
  const bounds = readVersions(reader, commands);
  const level = readLevel(reader, { psk });
  const below = (version: string | undefined) => version !== undefined && version < oldest;
  const legacy = !psk && (level === 0 || bounds.pinned || below(bounds.max));
  if (legacy)
    tls.set(
      "legacy",
      true,
      "old versions, suites and short keys, as stunnel did: logged at every start; leave it out as soon as the peers can do better",
    );
  // at level 0 stunnel goes down to TLS 1.0 unless it is told otherwise
  const min = bounds.min ?? (legacy ? "TLSv1" : undefined);
  if (below(min) && !legacy) {
    for (const setting of bounds.settings)
      reader.remark(
        setting,
        "OpenSSL 3 speaks nothing older than TLS 1.2 without securityLevel = 0, so TLS 1.2 it stays",
      );
  } else if (min !== undefined && min !== oldest) tls.set("minVersion", min);
  if (bounds.max !== undefined && bounds.max !== newest && (legacy || !below(bounds.max)))
    tls.set("maxVersion", bounds.max);
  tls.set("ciphers", suites(reader, commands, { psk, level }));
  const curves = commands.get("groups") ?? reader.last("curves");
  const groups = curves?.value
    .replace(/^[^:]+:(?=.)/, (prefix) => (curves.name === "config" ? "" : prefix))
    .split(/[:,]/);
  tls.set(
    "groups",
    groups?.filter((group) => group !== ""),
  );
  const signatures = commands.get("signaturealgorithms");
  tls.set("signatureAlgorithms", signatures && parameter(signatures).split(":"));
}

/** The `config` lines that have something of ours behind them; the others are refused here. */
function readCommands(reader: Reader): ReadonlyMap<string, Setting> {
  const names: Readonly<Record<string, string>> = {
    ...{ minprotocol: "minprotocol", maxprotocol: "maxprotocol", cipherstring: "ciphers" },
    ...{ ciphersuites: "ciphersuites", curves: "groups", groups: "groups" },
    ...{ signaturealgorithms: "signaturealgorithms" },
  };
  const found = new Map<string, Setting>();
  for (const setting of reader.all("config")) {
    const [command = ""] = setting.value.split(":", 1);
    const ours = names[command.trim().toLowerCase()];
    if (ours === undefined)
      reader.refuse(setting, `nothing here stands for OpenSSL's ${command.trim() || "empty command"}`);
    else found.set(ours, setting);
  }
  return found;
}

function parameter({ value }: Setting): string {
  return value.slice(value.indexOf(":") + 1).trim();
}

interface Bounds {
  readonly min: string | undefined;
  readonly max: string | undefined;
  /** One old version and no other: without it nothing would work at all. */
  readonly pinned: boolean;
  readonly settings: readonly Setting[];
}

function readVersions(reader: Reader, commands: ReadonlyMap<string, Setting>): Bounds {
  let min: string | undefined;
  let max: string | undefined;
  let pinned = false;
  const settings: Setting[] = [];
  /** @param usual the bound that holds anyway */
  const version = (setting: Setting, text: string, usual?: string): string | undefined => {
    if (/^(all|none)$/i.test(text)) {
      reader.drop(setting, "every version that the security level allows is spoken anyway");
      return undefined;
    }
    const known = versions.find((one) => one.toLowerCase() === text.toLowerCase());
    if (known === undefined) reader.refuse(setting, `${text} is spoken by nothing that is still safe to run`);
    else if (known < oldest) settings.push(setting);
    else if (known === usual) reader.drop(setting, "it is the default");
    return known;
  };
  for (const setting of reader.all("sslVersion", "sslVersionMin", "sslVersionMax")) {
    const found = version(setting, setting.value, usualBound[setting.name]);
    if (setting.name !== "sslVersionMax") min = found;
    if (setting.name !== "sslVersionMin") max = found;
    if (setting.name === "sslVersion") pinned = found !== undefined && found < oldest;
  }
  const [lower, upper] = [commands.get("minprotocol"), commands.get("maxprotocol")];
  if (lower) min = version(lower, parameter(lower), oldest);
  if (upper) max = version(upper, parameter(upper), newest);
  for (const setting of reader.all("options")) {
    if (/^NO_TLSv1\.2$/i.test(setting.value)) min = "TLSv1.3";
    else if (/^NO_TLSv1\.3$/i.test(setting.value)) max = "TLSv1.2";
    else judgeOption(reader, setting);
  }
  return { min, max, pinned, settings };
}

/** OpenSSL's options that neither bound versions nor concern sessions. */
function judgeOption(reader: Reader, setting: Setting): void {
  const name = setting.value.toUpperCase();
  if (/^NO_(SSLV[23]|TLSV1(\.1|_1)?)$/.test(name)) reader.drop(setting, "older versions are off");
  else if (/^(NO_COMPRESSION|NO_RENEGOTIATION|CIPHER_SERVER_PREFERENCE)$/.test(name))
    reader.drop(setting, "it always is so");
  else if (/^SINGLE_(EC)?DH_USE$/.test(name)) reader.drop(setting, "OpenSSL 3 always does so");
  else if (name === "NO_TICKET") return;
  else if (/^-NO_(SSLV[23])$/.test(name)) reader.refuse(setting, "SSL 2 and 3 are broken and not spoken");
  else reader.refuse(setting, "nothing here stands for this switch of OpenSSL");
}

function readLevel(reader: Reader, { psk }: { readonly psk: boolean }): number | undefined {
  const setting = reader.last("securityLevel");
  if (setting === undefined) return undefined;
  if (!/^[0-5]$/.test(setting.value)) {
    reader.refuse(setting, "it is no level from 0 to 5");
    return undefined;
  }
  if (setting.value === "2") reader.drop(setting, "it is the default");
  if (setting.value === "0" && psk)
    reader.refuse(setting, "with a pre-shared key nothing older than TLS 1.2 is spoken");
  return Number(setting.value);
}

/** stunnel has one list for TLS 1.3 and one for what is older, we have one for both. */
function suites(
  reader: Reader,
  commands: ReadonlyMap<string, Setting>,
  { psk, level = 2 }: { readonly psk: boolean; readonly level: number | undefined },
): string | undefined {
  const given = (name: string) => {
    const command = commands.get(name);
    const own = reader.text(name);
    return command ? parameter(command) : own;
  };
  const [older, newer] = [given("ciphers"), given("ciphersuites")];
  const strict = level === 1 || level > 2;
  if (older === undefined && newer === undefined && !strict) return undefined;
  const ours = defaultCiphers.split(":");
  const recent = newer?.split(":") ?? ours.filter((suite) => suite.startsWith("TLS_"));
  // OpenSSL uses no pre-shared key with it
  const usable = psk ? recent.filter((suite) => suite !== "TLS_AES_256_GCM_SHA384") : recent;
  const rest = older === undefined ? ours.filter((suite) => !suite.startsWith("TLS_")) : [older];
  if (psk && older === undefined) rest.splice(0, rest.length, "ECDHE-PSK-CHACHA20-POLY1305");
  return [...usable, ...rest, ...(strict ? [`@SECLEVEL=${level}`] : [])].join(":");
}
