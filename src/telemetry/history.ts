import type { Status } from "../core/status.ts";

/** What happens in a second. */
export interface Rates {
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The rates of one thing now, and as they have been. */
export interface Trend extends Rates {
  /** Bytes a second of both directions, the newest one last. */
  readonly bytes: readonly number[];
  /** Connections a second, the newest one last. */
  readonly opened: readonly number[];
}

interface Counters extends Rates {
  /** Milliseconds of some steady clock. */
  readonly at: number;
}

/** Values kept of each thing: a wide screen shows no more. */
const longest = 120;

/** No tunnel has this name. */
export const everything = "";

const nothing: Trend = { connections: 0, bytesIn: 0, bytesOut: 0, bytes: [], opened: [] };

/** Makes rates of counters that are looked at again and again. */
export class History {
  #counters = new Map<string, Counters>();
  #trends = new Map<string, Trend>();
  #process = "";

  /** @param at milliseconds of a steady clock */
  add({ tunnels, pid, startedAt }: Status, at: number): void {
    // another process counts from zero
    const process = `${pid} ${startedAt}`;
    if (process !== this.#process) this.#counters = new Map();
    this.#process = process;
    const now = new Map<string, Counters>();
    let total: Counters = { at, connections: 0, bytesIn: 0, bytesOut: 0 };
    for (const { name, connections, bytes, targets } of tunnels) {
      const counters = { at, connections, bytesIn: bytes.in, bytesOut: bytes.out };
      now.set(name, counters);
      total = {
        at,
        connections: total.connections + connections,
        bytesIn: total.bytesIn + bytes.in,
        bytesOut: total.bytesOut + bytes.out,
      };
      for (const { key, ...target } of targets)
        now.set(placeOf(name, key), {
          ...{ at, connections: target.connections },
          ...{ bytesIn: target.bytes.in, bytesOut: target.bytes.out },
        });
    }
    now.set(everything, total);
    this.#trends = new Map(
      [...now].map(([place, counters]) => [place, this.#next(place, counters)] as const),
    );
    this.#counters = now;
  }

  /** Of a tunnel by its name, of a target by `placeOf`, or of `everything`. */
  of(place: string): Trend {
    return this.#trends.get(place) ?? nothing;
  }

  #next(place: string, now: Counters): Trend {
    const before = this.#counters.get(place);
    const trend = this.#trends.get(place) ?? nothing;
    if (!before || now.at <= before.at) return trend;
    const seconds = (now.at - before.at) / 1000;
    // a counter that goes back belongs to something that was made anew under the same name
    const rate = (name: keyof Rates) => Math.max(0, now[name] - before[name]) / seconds;
    const [connections, bytesIn, bytesOut] = [rate("connections"), rate("bytesIn"), rate("bytesOut")];
    return {
      ...{ connections, bytesIn, bytesOut },
      bytes: [...trend.bytes, bytesIn + bytesOut].slice(-longest),
      opened: [...trend.opened, connections].slice(-longest),
    };
  }
}

/** Names a target of a tunnel. */
export function placeOf(tunnel: string, key: string): string {
  return `${tunnel}\n${key}`;
}
