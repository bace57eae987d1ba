import { Document, isScalar, Scalar, visit } from "yaml";
import { readDocument } from "./document.ts";
import type { Environment } from "./environment.ts";
import { type Block, isBlock } from "./merge-patch.ts";
import { type Base, type BaseBlock, namesOf, type Overlay, overlaid } from "./overlay.ts";
import type { Reading } from "./source.ts";

/** A file as it was read, and where its paths start. */
export interface ReadFile {
  readonly reading: Reading;
  resolvePath(path: string): string;
}

/** The files with everything that was changed while running. */
export interface OverlaidFiles {
  readonly base: Base;
  /** The files without what was changed. */
  readonly files: readonly ReadFile[];
  /** One for each tunnel or backend that was changed, as if a file included it. */
  readonly changes: readonly ReadFile[];
  /** What a single file would have, secrets and all. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Tunnels that are other than their files have them. */
  readonly changedTunnels: ReadonlySet<string>;
}

const lists = ["tunnels", "backends"] as const;

/** @param files the main one first, which has at least been read */
export function overlayFiles(
  files: readonly [ReadFile, ...ReadFile[]],
  overlay: Overlay,
  env: Environment,
): OverlaidFiles {
  const base = baseOf(files, env);
  const changed = { tunnels: new Set<string>(), backends: new Set<string>() };
  const changes: ReadFile[] = [];
  const [main] = files;
  const document: Block = { ...(isBlock(writtenOf(main)) ? (writtenOf(main) as Block) : {}) };
  for (const list of lists) {
    const blocks: Block = Object.create(null);
    for (const name of namesOf(base, overlay, list)) {
      const { block, changed: isChanged } = overlaid(base, overlay, { list, name });
      if (block !== undefined) blocks[name] = block;
      if (!isChanged) continue;
      changed[list].add(name);
      if (block === undefined) continue;
      const { resolvePath } = base[list].get(name) ?? base.context;
      const text = asYaml({ [list]: { [name]: block } });
      changes.push({ reading: readDocument(`live change ${list}/${name}`, text, env), resolvePath });
    }
    if (Object.keys(blocks).length > 0 || list === "tunnels") document[list] = blocks;
    else delete document[list];
  }
  delete document["include"];
  return {
    ...{ base, changes, document, changedTunnels: changed.tunnels },
    files: files.map((file) => ({ ...file, reading: without(file.reading, changed) })),
  };
}

function baseOf(files: readonly [ReadFile, ...ReadFile[]], env: Environment): Base {
  const base = { tunnels: new Map<string, BaseBlock>(), backends: new Map<string, BaseBlock>() };
  for (const file of files)
    for (const list of lists) {
      const blocks = isBlock(writtenOf(file)) ? (writtenOf(file) as Block)[list] : undefined;
      // of two of a name the loader complains
      for (const [name, block] of isBlock(blocks) ? Object.entries(blocks) : [])
        if (!base[list].has(name)) base[list].set(name, { block, env, resolvePath: file.resolvePath });
    }
  return { ...base, context: { env, resolvePath: files[0].resolvePath } };
}

function writtenOf({ reading }: ReadFile): unknown {
  return reading.written ?? reading.data;
}

/** A reading that has these names no more, nor faults of theirs. */
function without(
  reading: Reading,
  names: Readonly<Record<(typeof lists)[number], ReadonlySet<string>>>,
): Reading {
  const { data } = reading;
  if (!isBlock(data) || lists.every((list) => names[list].size === 0)) return reading;
  const rest: Block = { ...data };
  for (const list of lists) {
    const blocks = rest[list];
    if (isBlock(blocks))
      rest[list] = Object.fromEntries(Object.entries(blocks).filter(([name]) => !names[list].has(name)));
  }
  const faults = reading.faults.filter(({ path: [list, name] }) => {
    const taken = lists.find((one) => one === list);
    return taken === undefined || typeof name !== "string" || !names[taken].has(name);
  });
  return { ...reading, data: rest, faults };
}

/**
 * Text that reads as the same data. JSON knows no unquoted text, so what is nothing but one substitution counts as that:
 * it may become a number.
 */
function asYaml(data: unknown): string {
  const document = new Document(data, { version: "1.2" });
  visit(document, {
    Scalar: (key, node, path) => {
      if (key === "key" || typeof node.value !== "string") return;
      const parent = path.at(-1) as { readonly key?: unknown } | undefined;
      const name = isScalar(parent?.key) ? parent.key.value : undefined;
      const isOpen = /^\$\{[^{}]*\}$/.test(node.value) && name !== "passphrase";
      node.type = isOpen ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({ lineWidth: 0 });
}
