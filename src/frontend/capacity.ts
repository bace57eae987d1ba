/** How many sessions the process can carry, all frontends together: what descriptors it has decides. */
export class Capacity {
  readonly limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Takes a place for one session, if there is one. */
  take(): boolean {
    if (this.#taken >= this.limit) return false;
    this.#taken++;
    return true;
  }

  /** Gives the place of one session back. */
  release(): void {
    this.#taken--;
  }
}
