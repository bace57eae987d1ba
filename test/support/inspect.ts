/** What `inspect` finds out about a port of this machine. */
import type { Inspection } from "../../src/cli/inspect/inspection.ts";
import { command } from "./command.ts";

export interface Asked {
  readonly code: number | null;
  readonly stderr: string;
  readonly found: Inspection;
}

/** Inspects it as a certificate for localhost has it. */
export async function inspectPort(port: number, ...args: readonly string[]): Promise<Asked> {
  const { code, stderr, stdout, json } = await command(["inspect", `localhost:${port}`, "--json", ...args]);
  if (stdout === "") throw new Error(`inspect found nothing and ended with ${code}: ${stderr}`);
  return { code, stderr, found: json<Inspection>() };
}
