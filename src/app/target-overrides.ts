import type { TargetOverride } from "../backend/targets.ts";
import type { BackingMap } from "./backings.ts";

/** The operator's word on targets of backends, those too that are not there now: one that comes back finds it again. */
export class TargetOverrides {
  readonly #overrides = new Map<string, TargetOverride>();

  /** @param backend the key of the backend */
  set(backend: string, key: string, override: TargetOverride): void {
    this.#overrides.set(`${backend}\n${key}`, override);
  }

  apply(backings: BackingMap): void {
    for (const [
      backend,
      {
        backend: { targets },
      },
    ] of backings)
      targets.override((key) => this.#overrides.get(`${backend}\n${key}`));
  }
}
