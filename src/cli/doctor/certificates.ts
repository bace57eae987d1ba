import { statSync } from "node:fs";
import { loadMaterial, type Material } from "../../app/material.ts";
import { MaterialFaults } from "../../app/material-faults.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { counted } from "../../telemetry/quantities.ts";
import type { Identity } from "../../tls/identity.ts";
import type { Finding } from "./finding.ts";

const day = 86_400_000;
/** Days; less is worth a warning, as in the log. */
const notice = 30;

/** Whether certificates and keys can be used, for how long, and who can read the keys. */
export async function examineCertificates({ config }: LoadedConfig): Promise<readonly Finding[]> {
  let material: Material;
  try {
    material = await loadMaterial(config);
  } catch (error) {
    if (!(error instanceof MaterialFaults)) throw error;
    return error.faults.map(({ path, message }) => ({
      verdict: "fail",
      area: "certificates",
      text: `${path.join(".")}: ${message}`,
      remedy: "give the program files that it can use; equilibria-tunnel certs show FILE describes one",
    }));
  }
  return [
    ...[...material].flatMap(([tunnel, { server, client }]) => [
      ...validity(tunnel, server?.value.identity),
      ...validity(tunnel, client?.value.identity),
    ]),
    ...keysOf(config).flatMap(readers),
  ];
}

function validity(tunnel: string, identity: Identity | undefined): readonly Finding[] {
  if (!identity) return [];
  const { validFromDate, validToDate } = identity.leaf;
  const left = validToDate.getTime() - Date.now();
  const life = validToDate.getTime() - validFromDate.getTime();
  const days = Math.floor(left / day);
  const text = `${tunnel}: ${identity.source} is valid for ${counted(days, "day")}, until ${validToDate.toISOString().slice(0, 10)}`;
  if (left > Math.min(notice * day, life / 3)) return [{ verdict: "ok", area: "certificates", text }];
  const remedy = "renew it, replace the files and reload (equilibria-tunnel reload, or SIGHUP)";
  return [{ verdict: "warn", area: "certificates", text, remedy }];
}

/** Files with private keys, each one once. */
function keysOf({ tunnels }: Config): readonly string[] {
  const blocks = tunnels.flatMap(({ frontend, backend }) => [frontend.tls, backend.tls]);
  return [...new Set(blocks.flatMap((block) => block?.key ?? block?.pfx ?? []))];
}

function readers(file: string): readonly Finding[] {
  const { mode } = statSync(file);
  if ((mode & 0o077) === 0) return [];
  const others = (mode & 0o007) !== 0;
  return [
    {
      verdict: "warn",
      area: "certificates",
      text: `${file}, a private key, is open to ${others ? "everybody" : "its group"} (mode ${(mode & 0o777).toString(8)})`,
      remedy: `chmod 600 ${file}`,
    },
  ];
}
