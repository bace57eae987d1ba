import type { OverlayEntry } from "../../core/control.ts";
import { reasonOf } from "../../core/outcome.ts";
import type { SessionStatus, Status } from "../../core/status.ts";
import { Feed, type Observed } from "../../telemetry/feed.ts";
import type { Caller } from "../access.ts";
import { NotAdmitted, type ServerApi } from "./server-api.ts";

interface Facts {
  readonly caller: Caller | undefined;
  readonly status: Status | undefined;
  readonly sessions: readonly SessionStatus[];
  readonly overlay: readonly OverlayEntry[];
  /** Why the server cannot be asked, and since when; the rest is what was known before. */
  readonly lost: { readonly reason: string; readonly since: Date } | undefined;
  /** A token is needed, or another one. */
  readonly refused: string | undefined;
}

/** What is known at one moment. */
export type Picture = Facts & Observed;

/** Looks at the server that the page came from, until it does not let us in. */
export function serverFeed(api: ServerApi, onChange: (picture: Picture) => void): Feed<Facts> {
  const feed = new Feed<Facts>(
    {
      unknown: {
        ...{ caller: undefined, status: undefined, sessions: [], overlay: [] },
        ...{ lost: undefined, refused: undefined },
      },
      mostEvents: 100,
      look: async (known) => {
        const caller = known.caller ?? (await api.whoAmI());
        const [status, sessions, overlay] = await Promise.all([api.status(), api.sessions(), api.overlay()]);
        return { caller, status, sessions, overlay, lost: undefined, refused: undefined };
      },
      failed: (error, known) => {
        const reason = reasonOf(error);
        if (error instanceof NotAdmitted) return { refused: reason };
        return { lost: known.lost ?? { reason, since: new Date() } };
      },
      events: (signal) => api.events(signal),
    },
    (picture) => {
      onChange(picture);
      if (picture.refused !== undefined) feed.stop();
    },
  );
  return feed;
}
