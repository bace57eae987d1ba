import type { ConfigChange, OverlayEntry } from "../core/control.ts";
import { AmendError } from "./amend-error.ts";
import { applyPatch, type Block, diffPatch, isBlock, isSame } from "./merge-patch.ts";
import { type Base, namesOf, type Overlay, overlaid } from "./overlay.ts";
import { formatOverlayPath, type OverlayPlace, parseOverlayPath } from "./overlay-path.ts";
import { restoreSecrets } from "./redact.ts";
import { expandTunnel, isSharedName, type TargetContext, targetKey, targetsOf } from "./target-list.ts";

/** What a change starts from. */
export interface Amended {
  readonly base: Base;
  readonly overlay: Overlay;
  /** The whole document in use, secrets hidden: what else a file has cannot be changed while running. */
  readonly document: Readonly<Record<string, unknown>>;
}

export interface Author {
  /** ISO 8601. */
  readonly at: string;
  readonly by: string | undefined;
}

/**
 * The overlay with one more change in it, as short as can be: what equals the file is no change.
 *
 * @throws AmendError
 */
export function amend(from: Amended, change: ConfigChange, author: Author): Overlay {
  const amender = new Amender(from, author);
  switch (change.kind) {
    case "put-tunnel":
      amender.put({ list: "tunnels", name: change.name }, change.block);
      break;
    case "patch-tunnel":
      amender.patch({ list: "tunnels", name: change.name }, change.block);
      break;
    case "delete-tunnel":
      amender.delete({ list: "tunnels", name: change.name });
      break;
    case "put-target":
    case "patch-target":
    case "delete-target":
      amender.target(change);
      break;
    case "put-config":
    case "patch-config":
      amender.config(change);
      break;
  }
  return amender.overlay;
}

type Whole = Omit<OverlayPlace, "target">;
type TargetChange = Extract<ConfigChange, { key: string }>;

class Amender {
  overlay: Overlay;
  readonly #from: Amended;
  readonly #author: Author;

  constructor(from: Amended, author: Author) {
    this.#from = from;
    this.#author = author;
    this.overlay = from.overlay;
  }

  put(place: Whole, block: unknown): void {
    const value = restoreSecrets(block, this.#current(place));
    if (typeof value === "string") throw new AmendError("invalid", `${this.#text(place)}: ${value}`);
    this.#forget(place, { decisions: false });
    this.#add(place, undefined, { change: "put", value: value.block });
    this.#tidy(place);
  }

  patch(place: Whole, block: unknown): void {
    const current = this.#current(place);
    if (current === undefined) throw this.#unknown(place);
    const value = restoreSecrets(block, current);
    if (typeof value === "string") throw new AmendError("invalid", `${this.#text(place)}: ${value}`);
    if (!isBlock(value.block))
      throw new AmendError("invalid", `${this.#text(place)}: a patch is a block (RFC 7396)`);
    if (namesTargets(place, value.block)) this.#forget(place, { decisions: false, whole: false });
    const path = formatOverlayPath({ ...place, target: undefined });
    const before = this.overlay.find((entry) => entry.path === path);
    const original = this.#from.base[place.list].get(place.name);
    const expand = place.list === "tunnels" ? expandTunnel : (given: unknown) => given;
    // without what was said of single targets, which stays as it is
    const whole = overlaid(this.#from.base, before ? [before] : [], place).block;
    const next = applyPatch(expand(whole), value.block);
    this.overlay = this.overlay.filter((entry) => entry !== before);
    if (!original || before?.change === "put") this.#add(place, undefined, { change: "put", value: next });
    else {
      const patch = diffPatch(asBlock(expand(original.block)), asBlock(next));
      if (Object.keys(patch).length > 0) this.#add(place, undefined, { change: "patch", value: patch });
    }
    this.#tidy(place);
  }

  delete(place: Whole): void {
    if (this.#current(place) === undefined) throw this.#unknown(place);
    this.#forget(place, { decisions: true });
    if (this.#from.base[place.list].has(place.name))
      this.#add(place, undefined, { change: "delete", value: null });
  }

  target(change: TargetChange): void {
    const tunnel = this.#current({ list: "tunnels", name: change.tunnel });
    if (tunnel === undefined) throw this.#unknown({ list: "tunnels", name: change.tunnel });
    const { backend } = Object.assign({ backend: undefined as unknown }, tunnel);
    // whoever shares a backend shares its targets
    const owner: Whole = isSharedName(backend)
      ? { list: "backends", name: backend }
      : { list: "tunnels", name: change.tunnel };
    const context = this.#from.base[owner.list].get(owner.name) ?? this.#from.base.context;
    const key = targetKey(change.key, context);
    if (key === undefined)
      throw new AmendError("invalid", `${JSON.stringify(change.key)} is no address of a target`);
    const listed = targetsOf(owner.list === "tunnels" ? backend : this.#current(owner));
    const current = listed.find((target) => targetKey(target, context) === key);
    if (change.kind !== "put-target" && current === undefined)
      throw new AmendError(
        "unknown",
        `tunnel ${change.tunnel} lists no target ${key}; one that was discovered can be disabled instead`,
      );
    const path = formatOverlayPath({ ...owner, target: key });
    const before = this.overlay.find((entry) => entry.path === path && entry.change !== "target");
    this.overlay = this.overlay.filter((entry) => entry !== before);
    const original = targetsOf(backendIn(owner, overlaid(this.#from.base, this.overlay, owner).block)).find(
      (target) => targetKey(target, context) === key,
    );
    if (change.kind === "delete-target") {
      this.#forgetDecision(change.tunnel, key);
      if (original !== undefined) this.#add(owner, key, { change: "delete", value: null });
      return;
    }
    const given = checkAddress(change.block, { key, context, shown: change.key });
    const next = change.kind === "put-target" ? given : applyPatch(targetBlock(current), given);
    const value = isBlock(next) ? { address: key, ...next } : next;
    if (original === undefined || change.kind === "put-target") {
      if (!isSame(value, original) && !isSame(targetBlock(value), targetBlock(original)))
        this.#add(owner, key, { change: "put", value });
      return;
    }
    const patch = diffPatch(targetBlock(original), asBlock(value));
    if (Object.keys(patch).length > 0) this.#add(owner, key, { change: "patch", value: patch });
  }

  config(change: Extract<ConfigChange, { kind: "put-config" | "patch-config" }>): void {
    const { kind, block } = change;
    if (!isBlock(block)) throw new AmendError("invalid", "a configuration is a block");
    for (const [key, value] of Object.entries(block))
      if (key !== "tunnels" && key !== "backends" && !isSame(value, this.#from.document[key]))
        throw new AmendError(
          "invalid",
          `${key}: only tunnels and backends can be changed while running; edit the file and reload`,
        );
    // backends first: a tunnel may name one
    for (const list of ["backends", "tunnels"] as const) {
      const given = block[list] ?? {};
      if (!isBlock(given)) throw new AmendError("invalid", `${list}: expected a block of NAME: … entries`);
      for (const [name, value] of Object.entries(given)) {
        const place = { list, name };
        const isThere = this.#current(place) !== undefined;
        if (value === null) {
          if (isThere) this.delete(place);
        } else if (kind === "patch-config" && isThere && isBlock(value)) this.patch(place, value);
        else this.put(place, kind === "patch-config" ? applyPatch(undefined, value) : value);
      }
      if (kind === "patch-config") continue;
      for (const name of namesOf(this.#from.base, this.overlay, list))
        if (!Object.hasOwn(given, name) && this.#current({ list, name }) !== undefined)
          this.delete({ list, name });
    }
  }

  #current(place: Whole): unknown {
    return overlaid(this.#from.base, this.overlay, place).block;
  }

  #add(place: Whole, target: string | undefined, entry: Pick<OverlayEntry, "change" | "value">): void {
    this.overlay = [
      ...this.overlay,
      { path: formatOverlayPath({ ...place, target }), ...entry, ...this.#author },
    ];
  }

  /** Drops what was said of a tunnel or a backend: of its targets, and of itself unless `whole` is false. */
  #forget(
    place: Whole,
    { decisions, whole = true }: { readonly decisions: boolean; readonly whole?: boolean },
  ): void {
    this.overlay = this.overlay.filter(({ path, change }) => {
      const other = parseOverlayPath(path);
      if (other?.list !== place.list || other.name !== place.name) return true;
      if (other.target === undefined) return !whole;
      return change === "target" && !decisions;
    });
  }

  #forgetDecision(tunnel: string, target: string): void {
    const path = formatOverlayPath({ list: "tunnels", name: tunnel, target });
    this.overlay = this.overlay.filter((entry) => entry.path !== path || entry.change !== "target");
  }

  /** A block that has become what the file says is no change. */
  #tidy(place: Whole): void {
    const original = this.#from.base[place.list].get(place.name);
    const path = formatOverlayPath({ ...place, target: undefined });
    if (original && isSame(this.#current(place), original.block))
      this.overlay = this.overlay.filter((entry) => entry.path !== path);
  }

  #unknown({ list, name }: Whole): AmendError {
    return new AmendError(
      "unknown",
      `there is no ${list === "tunnels" ? "tunnel" : "backend"} ${JSON.stringify(name)}`,
    );
  }

  #text({ list, name }: Whole): string {
    return `${list}.${name}`;
  }
}

function backendIn({ list }: Whole, block: unknown): unknown {
  return list === "backends" || !isBlock(block) ? block : block["backend"];
}

/** Whether a patch says which targets there are, so that what was said of single ones is over. */
function namesTargets({ list }: Whole, patch: unknown): boolean {
  const backend = list === "backends" ? patch : isBlock(patch) ? patch["backend"] : undefined;
  return backend !== undefined && (!isBlock(backend) || "targets" in backend);
}

function checkAddress(
  block: unknown,
  { key, context, shown }: { readonly key: string; readonly context: TargetContext; readonly shown: string },
): unknown {
  if (isBlock(block) && block["address"] === undefined) return block;
  if (targetKey(block, context) === key) return block;
  throw new AmendError("invalid", `the body is about another target than ${shown}`);
}

function targetBlock(target: unknown): Block {
  return isBlock(target) ? target : { address: target };
}

function asBlock(value: unknown): Block {
  return isBlock(value) ? value : {};
}
