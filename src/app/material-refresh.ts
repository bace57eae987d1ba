import type { Events } from "../core/events.ts";
import { reasonOf } from "../core/outcome.ts";
import { FileWatch } from "./file-watch.ts";
import { recordOf } from "./material.ts";
import type { Runtime } from "./runtime.ts";

export interface MaterialRefreshSetup {
  readonly runtime: Runtime;
  readonly events: Events;
  /** Runs it when no other change of the configuration is under way. */
  alone(change: () => Promise<void>): Promise<void>;
}

/** Milliseconds after which files that do not fit together are looked at once more before that is called an error. */
const secondLook = 1000;

/** Has changed files of certificates, keys and CRLs in use as soon as they fit together; until then those before are. */
export class MaterialRefresh {
  readonly #setup: MaterialRefreshSetup;
  #watch: FileWatch | undefined;
  /** What was last said against changed files. */
  #refused: string | undefined;

  constructor(setup: MaterialRefreshSetup) {
    this.#setup = setup;
  }

  /** Follows the files of the configuration in use, if that wants it. */
  follow(): void {
    const { config, material } = this.#setup.runtime;
    if (!config.watch) {
      this.close();
      return;
    }
    this.#watch ??= new FileWatch({ onChange: () => this.#refreshSoon() });
    void this.#watch.follow(recordOf(material));
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #refreshSoon(again = false): void {
    void this.#setup.alone(() => this.#refresh(again));
  }

  async #refresh(again: boolean): Promise<void> {
    const { runtime, events } = this.#setup;
    try {
      const update = await runtime.prepareMaterial();
      this.#refused = undefined;
      if (!update) return;
      void update.commit();
      events.emit("material.applied", { tunnels: update.tunnels });
      this.follow();
    } catch (error) {
      const reason = reasonOf(error);
      // a certificate may be there before its key
      if (!again) setTimeout(() => this.#refreshSoon(true), secondLook).unref();
      else if (this.#refused !== reason) {
        this.#refused = reason;
        events.emit("material.rejected", { reason });
      }
    }
  }
}
