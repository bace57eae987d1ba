/** What a client has sent so far, as long as it is little enough to be sent again. */
export class ReplayBuffer {
  readonly #limit: number;
  readonly #pieces: Buffer[] = [];
  #length = 0;
  #complete = true;

  /** @param limit bytes kept at the most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether `pieces` is everything. */
  get complete(): boolean {
    return this.#complete;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  push(piece: Buffer): void {
    if (!this.#complete) return;
    this.#length += piece.length;
    if (this.#length > this.#limit) this.giveUp();
    else this.#pieces.push(piece);
  }

  /** Keeps nothing any more. */
  giveUp(): void {
    this.#complete = false;
    this.#pieces.length = 0;
  }
}
