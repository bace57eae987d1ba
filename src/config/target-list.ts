import { formatAddress, parseAddress } from "../core/address.ts";
import { type Environment, substitute } from "./environment.ts";
import { applyPatch, type Block, isBlock } from "./merge-patch.ts";

/** What the addresses of a block mean depends on these. */
export interface TargetContext {
  readonly env: Environment;
  resolvePath(path: string): string;
}

/** A tunnel's block with its short forms written out, so that a patch finds what it changes. */
export function expandTunnel(block: unknown): unknown {
  if (!isBlock(block)) return block;
  const { frontend, backend } = block;
  return {
    ...block,
    ...(frontend !== undefined && !isBlock(frontend) ? { frontend: { listen: frontend } } : {}),
    ...(backend === undefined || isSharedName(backend) ? {} : { backend: expandBackend(backend) }),
  };
}

export function expandBackend(backend: unknown): unknown {
  if (isBlock(backend) || backend === null) return backend;
  return { targets: Array.isArray(backend) ? backend : [backend] };
}

/** Whether a tunnel's `backend` is the name of a shared one. */
export function isSharedName(backend: unknown): backend is string {
  return typeof backend === "string" && !backend.includes(":") && !/^\d+$/.test(backend);
}

/** The targets of a backend, as they are written. */
export function targetsOf(backend: unknown): readonly unknown[] {
  const expanded = expandBackend(backend);
  const targets = isBlock(expanded) ? expanded["targets"] : undefined;
  return Array.isArray(targets) ? targets : [];
}

export function withTargets(backend: unknown, targets: readonly unknown[]): unknown {
  const { targets: _, ...rest } = Object.assign({}, expandBackend(backend)) as Block;
  return targets.length === 0 && "discover" in rest ? rest : { ...rest, targets };
}

/** The key that a target has in status, logs and metrics; undefined when its address cannot be read. */
export function targetKey(target: unknown, { env, resolvePath }: TargetContext): string | undefined {
  const written = isBlock(target) ? target["address"] : target;
  if (typeof written !== "string" && typeof written !== "number") return undefined;
  try {
    const address = parseAddress(substitute(String(written), env).text, "127.0.0.1");
    return formatAddress(
      address.kind === "unix" ? { kind: "unix", path: resolvePath(address.path) } : address,
    );
  } catch {
    return undefined;
  }
}

export function patchTarget(target: unknown, patch: unknown): unknown {
  return applyPatch(isBlock(target) ? target : { address: target }, patch);
}
