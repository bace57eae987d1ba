import type { Events } from "../../core/events.ts";
import type { FiledCrl } from "./crl-files.ts";

/** A CRL and the tunnel that uses it. */
export interface TunnelCrl extends FiledCrl {
  readonly tunnel: string;
}

/** setTimeout's largest delay is 2^31 - 1 ms. */
const longestDelay = 2 ** 31 - 1;
/** A list is to be replaced when this part of its life is left. */
const notice = 0.25;

/** Tells when CRLs are about to run out, and when they have. */
export class CrlWatch {
  readonly #events: Events;
  #timers: NodeJS.Timeout[] = [];

  constructor(events: Events) {
    this.#events = events;
  }

  /** These are in use from now on, and those before no longer. */
  watch(crls: readonly TunnelCrl[]): void {
    this.close();
    for (const filed of crls) {
      const end = filed.crl.nextUpdate.getTime();
      if (Date.now() < end) this.#at(noticeAt(filed), () => this.#tell(filed, false));
      this.#at(end, () => this.#tell(filed, true));
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }

  #tell({ tunnel, source, issuer, crl: { nextUpdate } }: TunnelCrl, expired: boolean): void {
    this.#events.emit("crl.expiring", { tunnel, source, issuer, nextUpdate, expired });
  }

  /** Does it then, or now if that is over. */
  #at(time: number, act: () => void): void {
    const index = this.#timers.length;
    const look = () => {
      const delay = time - Date.now();
      if (delay <= 0) act();
      else this.#timers[index] = setTimeout(look, Math.min(delay, longestDelay)).unref();
    };
    look();
  }
}

/** When it is time for a new list, in milliseconds since 1970. */
export function noticeAt({ crl: { thisUpdate, nextUpdate } }: FiledCrl): number {
  return nextUpdate.getTime() - notice * (nextUpdate.getTime() - thisUpdate.getTime());
}
