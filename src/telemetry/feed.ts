import type { ControlEvent } from "../core/control.ts";
import type { EventName } from "../core/events.ts";
import type { Status } from "../core/status.ts";
import { History } from "./history.ts";

/** What a feed keeps beside what a look tells. */
export interface Observed {
  readonly history: History;
  /** What has happened, the newest last. */
  readonly events: readonly ControlEvent[];
}

/** Where a feed looks. */
export interface FeedSource<Facts extends object> {
  /** What is known before the first look. */
  readonly unknown: Facts;
  /** Events kept. */
  readonly mostEvents: number;
  look(known: Facts): Promise<Partial<Facts> & { readonly status: Status }>;
  /** What a look that failed changes. */
  failed(error: unknown, known: Facts): Partial<Facts>;
  events(signal: AbortSignal): AsyncIterable<ControlEvent>;
}

/** Milliseconds between two looks. */
const interval = 1000;
/** Milliseconds after an event that changes the picture. */
const soon = 50;

/** After these a look is worth the while at once. */
const changing: ReadonlySet<EventName> = new Set<EventName>([
  ...(["target.health", "target.admin", "backend.changed", "config.applied", "config.rejected"] as const),
  ...(["frontend.listening", "draining"] as const),
]);
/** Too many to be news. */
const silent: ReadonlySet<EventName> = new Set<EventName>(["session.opened", "session.closed"]);

/**
 * Looks at a running program every second, and at once when something has changed; finds it again when it was away. For
 * dashboards, in a terminal as in a browser.
 */
export class Feed<Facts extends object> {
  readonly #source: FeedSource<Facts>;
  readonly #onChange: (picture: Facts & Observed) => void;
  readonly #ending = new AbortController();
  readonly #history = new History();
  #facts: Facts;
  #events: readonly ControlEvent[] = [];
  /** Ends the pause between two looks. */
  #wake = () => {};
  /** Ends the pause before the events are asked for again. */
  #rouse = () => {};

  constructor(source: FeedSource<Facts>, onChange: (picture: Facts & Observed) => void) {
    this.#source = source;
    this.#facts = source.unknown;
    this.#onChange = onChange;
  }

  /** What is known now. */
  get picture(): Facts & Observed {
    return { ...this.#facts, history: this.#history, events: this.#events };
  }

  start(): void {
    void this.#look();
    void this.#listen();
  }

  /** Looks now. */
  refresh(): void {
    this.#wake();
  }

  stop(): void {
    this.#ending.abort();
    this.#wake();
    this.#rouse();
  }

  async #look(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        const seen = await this.#source.look(this.#facts);
        this.#history.add(seen.status, performance.now());
        this.#learn(seen);
      } catch (error) {
        this.#learn(this.#source.failed(error, this.#facts));
      }
      await pause((wake) => {
        this.#wake = wake;
      });
    }
  }

  async #listen(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        for await (const event of this.#source.events(signal)) this.#note(event);
      } catch {
        // the looks tell why
      }
      await pause((wake) => {
        this.#rouse = wake;
      });
    }
  }

  #note(event: ControlEvent): void {
    if (changing.has(event.name)) setTimeout(() => this.#wake(), soon);
    if (silent.has(event.name)) return;
    this.#events = [...this.#events, event].slice(-this.#source.mostEvents);
    this.#tell();
  }

  #learn(change: Partial<Facts>): void {
    this.#facts = { ...this.#facts, ...change };
    this.#tell();
  }

  #tell(): void {
    if (!this.#ending.signal.aborted) this.#onChange(this.picture);
  }
}

/** @param give gets the function that ends the pause early */
function pause(give: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, interval);
    give(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
