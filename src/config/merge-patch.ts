import { isDeepStrictEqual } from "node:util";

/** Plain data of an object, without a prototype to reach into. */
export type Block = Record<string, unknown>;

export function isBlock(value: unknown): value is Block {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 7396: what `patch` makes of `target`. Neither is changed. */
export function applyPatch(target: unknown, patch: unknown): unknown {
  if (!isBlock(patch)) return patch;
  const result: Block = Object.assign(Object.create(null), isBlock(target) ? target : {});
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete result[key];
    else result[key] = applyPatch(result[key], value);
  return result;
}

/**
 * The smallest patch that makes `next` of `target`; an empty one when they are equal. Patches cannot be put together
 * otherwise: what one removes and the next makes anew would be merged with what was there before both.
 */
export function diffPatch(target: Block, next: Block): Block {
  const patch: Block = Object.create(null);
  for (const key of Object.keys(target)) if (!Object.hasOwn(next, key)) patch[key] = null;
  for (const [key, value] of Object.entries(next)) {
    const before = Object.hasOwn(target, key) ? target[key] : undefined;
    if (isSame(before, value)) continue;
    patch[key] = isBlock(before) && isBlock(value) ? diffPatch(before, value) : value;
  }
  return patch;
}

export function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

/** Comparable, whatever the prototypes are. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
