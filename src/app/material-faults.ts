import type { Path } from "../config/source.ts";
import type { OptionError } from "../core/plugin.ts";

/** One thing that the files named by a configuration have against it. */
export interface MaterialFault {
  /** Where it is named, for example `["tunnels", "web", "frontend", "tls", "cert"]`; a shared backend by its tunnels. */
  readonly path: Path;
  readonly message: string;
}

/** The files that a configuration names cannot be used: all faults of all tunnels. */
export class MaterialFaults extends Error {
  readonly faults: readonly MaterialFault[];

  constructor(faults: readonly MaterialFault[]) {
    super(faults.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n"));
    this.name = "MaterialFaults";
    this.faults = faults;
  }
}

/** @param block where the options stand that it is about one of */
export function faultAt(block: Path, { option, message }: OptionError): MaterialFault {
  const keys = option.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  return { path: [...block, ...keys], message };
}
