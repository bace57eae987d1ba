import type { Balancer, Target } from "../../core/backend.ts";
import type { Events } from "../../core/events.ts";
import { explainFailure } from "../../core/plugin.ts";
import { roundRobin } from "./round-robin.ts";

export interface GuardOptions {
  readonly plugin: string;
  /** The plugin's module. */
  readonly file: string;
  readonly events: Events;
}

/** Keeps sessions going when a user's balancer throws or returns nonsense: then round robin picks, and it is told. */
export function guarded(balancer: Balancer, { plugin, file, events }: GuardOptions): Balancer {
  const fallback = roundRobin.create({});
  return {
    pick: (candidates, session) => {
      try {
        // a copy: the list is the backend's own, and a module may well sort what it is given
        return oneOf(candidates, balancer.pick([...candidates], session));
      } catch (error) {
        events.emit("plugin.failed", { plugin, reason: explainFailure(error, file) });
        return fallback.pick(candidates, session);
      }
    },
  };
}

function oneOf(candidates: readonly Target[], picked: unknown): Target {
  const target = candidates.find((candidate) => candidate === picked);
  if (target) return target;
  if (picked instanceof Promise) {
    // nobody waits for it, and a rejection that nobody hears ends the process
    picked.catch(() => {});
    throw new TypeError("pick returned a Promise; it has to choose at once");
  }
  throw new TypeError(`pick returned ${inWords(picked)} instead of one of the candidates`);
}

function inWords(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object" && "key" in value && typeof value.key === "string")
    return `${value.key}, a target that is none of them,`;
  return typeof value === "object" || typeof value === "function"
    ? `a value of type ${typeof value}`
    : JSON.stringify(value);
}
