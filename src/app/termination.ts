import type { Events } from "../core/events.ts";
import type { Stage } from "../core/stage.ts";
import type { ServerTls } from "../tls/contexts.ts";
import { Stapler } from "../tls/revocation/stapler.ts";
import { terminate } from "../tls/terminate.ts";

/** The end of TLS with the clients under one set of rules, and what runs beside it. */
export interface RunningTermination {
  readonly stage: Stage;
  /** Fetches what is stapled to our certificate; undefined where nothing is. */
  readonly stapler: Stapler | undefined;
  /** Begins what runs by itself. */
  start(): void;
  /** Ends it. Handshakes under way go on. */
  close(): void;
}

export interface TerminationOptions {
  readonly tunnel: string;
  readonly events: Events;
  /** Milliseconds for a handshake. */
  readonly timeout: number;
  /** Whether clients that are not let in go somewhere else. */
  readonly redirect: boolean;
  /** What it replaces: what is stapled to the same certificate goes on. */
  readonly previous: RunningTermination | undefined;
}

export function buildTermination(
  server: ServerTls,
  { tunnel, events, timeout, redirect, previous }: TerminationOptions,
): RunningTermination {
  const { stapling } = server;
  const stapler = stapling && new Stapler(stapling, { tunnel, events, previous: previous?.stapler });
  const staple = stapler && (() => stapler.response);
  const { stage, close } = terminate({ ...server, redirect, staple, timeout, events });
  return {
    stage,
    stapler,
    start: () => stapler?.start(),
    close: () => {
      close();
      stapler?.close();
    },
  };
}
