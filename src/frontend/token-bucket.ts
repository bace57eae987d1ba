export interface TokenBucketOptions {
  /** Tokens that come in `per` milliseconds. */
  readonly count: number;
  readonly per: number;
  /** Tokens that it holds at most, and begins with. */
  readonly burst: number;
  /** Milliseconds from any beginning. */
  readonly now?: (() => number) | undefined;
}

/** What sums of fractions may be off by. */
const rounding = 1e-6;

/** Lets through `count` per `per` on the average and `burst` at once. Counts when it is asked, and has no timer. */
export class TokenBucket {
  /** Tokens per millisecond. */
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #countedAt: number;

  constructor({ count, per, burst, now = () => performance.now() }: TokenBucketOptions) {
    this.#rate = count / per;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#countedAt = now();
  }

  /** Takes one token, if there is one. */
  take(): boolean {
    this.#count();
    if (this.#until(1) > 0) return false;
    this.#tokens--;
    return true;
  }

  /** Takes `amount` on credit. Returns the milliseconds until the debt is paid, 0 when there is none. */
  spend(amount: number): number {
    this.#count();
    this.#tokens -= amount;
    return this.#until(0);
  }

  /** Milliseconds until `take` will succeed; 0 for now. */
  get wait(): number {
    this.#count();
    return this.#until(1);
  }

  #until(tokens: number): number {
    const missing = tokens - this.#tokens;
    return missing < rounding ? 0 : Math.ceil(missing / this.#rate);
  }

  #count(): void {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#countedAt) * this.#rate);
    this.#countedAt = now;
  }
}
