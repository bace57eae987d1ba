import { reasonOf } from "../../core/outcome.ts";
import type { SessionStatus, Status } from "../../core/status.ts";
import { Feed, type Observed } from "../../telemetry/feed.ts";
import type { ControlClient } from "../control-client.ts";

interface Facts {
  readonly status: Status | undefined;
  readonly sessions: readonly SessionStatus[];
  /** Why the program cannot be asked now; the rest is what was known before. */
  readonly lost: string | undefined;
}

/** What is known at one moment. */
export type Picture = Facts & Observed;

/** Looks at the program that the control socket belongs to. */
export function controlFeed(control: ControlClient, onChange: () => void): Feed<Facts> {
  return new Feed<Facts>(
    {
      unknown: { status: undefined, sessions: [], lost: undefined },
      mostEvents: 50,
      look: async () => {
        const [status, sessions] = await Promise.all([control.status(), control.sessions()]);
        return { status, sessions, lost: undefined };
      },
      failed: (error) => ({ lost: reasonOf(error) }),
      events: (signal) => control.events(signal),
    },
    onChange,
  );
}
