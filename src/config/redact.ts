import { isBlock } from "./merge-patch.ts";

/** Keys whose text is a secret; one that names a file or comes from the environment is none. */
const secretKeys: ReadonlySet<string> = new Set(["passphrase", "password", "secret", "token"]);

/** Stands where a secret was. */
export const hidden = "(hidden)";

/** The same data with every secret hidden. */
export function redact(value: unknown, key?: string): unknown {
  if (typeof value === "string") return isSecret(key, value) ? hidden : value;
  if (Array.isArray(value)) return value.map((one) => redact(one, key));
  if (!isBlock(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redact(inner, name)]));
}

/**
 * Puts the secrets back into what was read redacted and sent again, from `current`; a text when there is none to put
 * back.
 */
export function restoreSecrets(value: unknown, current: unknown): { readonly block: unknown } | string {
  const missing: string[] = [];
  const block = restore(value, current, { path: [], missing });
  return missing.length > 0
    ? `${missing[0]}: ${hidden} only stands for a secret that is there; give it as { file: … }`
    : { block };
}

interface Restoring {
  readonly path: readonly string[];
  readonly missing: string[];
}

function restore(value: unknown, current: unknown, { path, missing }: Restoring): unknown {
  if (value === hidden && secretKeys.has(path.at(-1) ?? "")) {
    if (typeof current !== "string") missing.push(path.join("."));
    return current;
  }
  const inner = (key: string, one: unknown, before: unknown) =>
    restore(one, before, { path: [...path, key], missing });
  if (Array.isArray(value))
    return value.map((one, index) =>
      inner(String(index), one, Array.isArray(current) ? current[index] : undefined),
    );
  if (!isBlock(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      inner(key, one, isBlock(current) && Object.hasOwn(current, key) ? current[key] : undefined),
    ]),
  );
}

function isSecret(key: string | undefined, value: string): boolean {
  return key !== undefined && secretKeys.has(key) && value !== "" && !/^\$\{[^}]*\}$/.test(value);
}
