import { setImmediate as turn } from "node:timers/promises";

/** Milliseconds of work before others get their turn. */
const longestWork = 10;

/**
 * For work of many pieces that each take a little, such as making the contexts of a thousand certificates: resolves at
 * once while little time has passed, and after a turn of the event loop when sessions have waited long enough.
 */
export class Pace {
  #began = performance.now();

  async breathe(): Promise<void> {
    if (performance.now() - this.#began < longestWork) return;
    await turn();
    this.#began = performance.now();
  }
}
