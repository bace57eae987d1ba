// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what is escaped
import { Document, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";

export type Value = string | number | boolean | readonly Value[] | Block;

interface Entry {
  readonly key: string;
  readonly value: Value;
  readonly comment: readonly string[];
}

/** A mapping that is being written, with comments above its keys. */
export class Block {
  readonly #entries: Entry[] = [];

  /** Undefined, and a block with nothing in it, is left out. */
  set(key: string, value: Value | undefined, ...comment: readonly string[]): this {
    if (value === undefined || (value instanceof Block && value.isEmpty)) return this;
    this.#entries.push({ key, value, comment });
    return this;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  has(key: string): boolean {
    return this.#entries.some((entry) => entry.key === key);
  }

  toNode(): YAMLMap {
    const map = new YAMLMap();
    for (const { key, value, comment } of this.#entries) {
      const name = new Scalar(literal(key));
      const above = commentText(comment);
      if (above !== undefined) name.commentBefore = above;
      map.items.push(new Pair(name, toNode(value)));
    }
    return map;
  }
}

/** The block as a file, below the lines of `head` and above those of `tail`, both as comments. */
export function commentedYaml(
  block: Block,
  { head, tail }: { readonly head: readonly string[]; readonly tail: readonly string[] },
): string {
  const document = new Document();
  document.contents = block.toNode();
  const above = commentText(head);
  const below = commentText(tail);
  if (above !== undefined) document.commentBefore = above;
  if (below !== undefined) document.comment = below;
  return document.toString({ lineWidth: 0 });
}

function toNode(value: Value): YAMLMap | YAMLSeq | Scalar {
  if (value instanceof Block) return value.toNode();
  if (typeof value !== "object") return new Scalar(typeof value === "string" ? literal(value) : value);
  const list = new YAMLSeq();
  list.items.push(...value.map(toNode));
  list.flow = value.every((item) => typeof item !== "object");
  return list;
}

/** A value is what it is: nothing in it is replaced from the environment. */
function literal(value: string): string {
  return value.replaceAll("${", () => "$${");
}

/** What comes from a foreign file must not end the comment that it stands in. */
function commentText(lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  return lines.map((line) => ` ${line.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "?")}`).join("\n");
}
