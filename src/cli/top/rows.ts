import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../../core/status.ts";
import { placeOf } from "../../telemetry/history.ts";
import { selectSessions, selectTunnels } from "../../telemetry/selection.ts";

/** What a line of the list is about; `place` stays the same as long as the thing is there. */
export type Row =
  | { readonly kind: "tunnel"; readonly place: string; readonly tunnel: TunnelStatus }
  | {
      readonly kind: "target";
      readonly place: string;
      readonly tunnel: TunnelStatus;
      readonly target: TargetStatus;
    }
  | { readonly kind: "session"; readonly place: string; readonly session: SessionStatus };

/** Every tunnel with its targets below it: those that the filter fits, with the tunnel that they belong to. */
export function tunnelRows(status: Pick<Status, "tunnels">, filter: string): readonly Row[] {
  return selectTunnels(status, filter).flatMap(({ tunnel, targets }) => [
    { kind: "tunnel", place: tunnel.name, tunnel } as const,
    ...targets.map(
      (target) => ({ kind: "target", place: placeOf(tunnel.name, target.key), tunnel, target }) as const,
    ),
  ]);
}

/** The sessions that the filter fits, the one that has moved most first. */
export function sessionRows(sessions: readonly SessionStatus[], filter: string): readonly Row[] {
  return selectSessions(sessions, filter).map((session) => ({ kind: "session", place: session.id, session }));
}

/**
 * The part of the rows that fits on the screen: as it was before, moved only as far as the selected row needs.
 *
 * @param top index of the first row that was shown before
 */
export function windowOf(
  rows: readonly Row[],
  {
    selected,
    height,
    top,
  }: { readonly selected: string | undefined; readonly height: number; readonly top: number },
): { readonly rows: readonly Row[]; readonly top: number } {
  const at = rows.findIndex(({ place }) => place === selected);
  const last = Math.max(0, rows.length - height);
  const wanted = at < 0 ? top : Math.min(Math.max(top, at - height + 1), at);
  const first = Math.min(Math.max(0, wanted), last);
  return { rows: rows.slice(first, first + height), top: first };
}
