import type { LiveTarget } from "../backend/target.ts";
import type { TargetMirror } from "../backend/targets.ts";
import type { Backing } from "./backing.ts";
import type { BackingMap } from "./backings.ts";
import type { TargetDirectory } from "./messages.ts";

/** Tells others what becomes of the targets here: everything of a backend, once for all changes of a turn. */
export class TargetBroadcast {
  readonly #tell: (directory: TargetDirectory) => void;
  #backings: BackingMap = new Map();
  readonly #unwatch = new Map<Backing, () => void>();
  readonly #changed = new Set<string>();
  #scheduled = false;

  constructor(tell: (directory: TargetDirectory) => void) {
    this.#tell = tell;
  }

  /** Watches these backends from now on, and no others. */
  watch(backings: BackingMap): void {
    this.#backings = backings;
    const present = new Set(backings.values());
    for (const [backing, unwatch] of this.#unwatch) {
      if (present.has(backing)) continue;
      unwatch();
      this.#unwatch.delete(backing);
    }
    for (const [key, backing] of backings)
      if (!this.#unwatch.has(backing))
        this.#unwatch.set(
          backing,
          backing.backend.targets.onChange(() => this.#onChange(key)),
        );
  }

  /** All there is to tell. */
  everything(): TargetDirectory {
    return new Map([...this.#backings].map(([key, backing]) => [key, mirrorsOf(backing)]));
  }

  /** Tells at once what has changed. */
  flush(): void {
    const keys = [...this.#changed];
    this.#changed.clear();
    const changed = keys.flatMap((one): [string, readonly TargetMirror[]][] => {
      const backing = this.#backings.get(one);
      return backing ? [[one, mirrorsOf(backing)]] : [];
    });
    if (changed.length > 0) this.#tell(new Map(changed));
  }

  #onChange(key: string): void {
    this.#changed.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}

function mirrorsOf({ backend }: Backing): readonly TargetMirror[] {
  return backend.targets.all.map(mirrorOf);
}

function mirrorOf({ spec, health, reason, admin, weightOverride }: LiveTarget): TargetMirror {
  return { spec, health, reason, admin, weight: weightOverride };
}
