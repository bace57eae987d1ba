import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../core/status.ts";

/** A tunnel and those of its targets that were looked for. */
export interface SelectedTunnel {
  readonly tunnel: TunnelStatus;
  readonly targets: readonly TargetStatus[];
}

/** The tunnels that the filter fits, with all their targets, and those that have targets which it fits, with these. */
export function selectTunnels(
  { tunnels }: Pick<Status, "tunnels">,
  filter: string,
): readonly SelectedTunnel[] {
  return tunnels.flatMap((tunnel) => {
    const whole = fits(filter, [tunnel.name, ...tunnel.listeners]);
    const targets = tunnel.targets.filter(
      ({ key, health, admin }) => whole || fits(filter, [key, health, admin]),
    );
    return whole || targets.length > 0 ? [{ tunnel, targets }] : [];
  });
}

/** The sessions that the filter fits, the one that has moved most first. */
export function selectSessions(sessions: readonly SessionStatus[], filter: string): readonly SessionStatus[] {
  return sessions
    .filter(({ id, tunnel, client, target = "", serverName = "" }) =>
      fits(filter, [id, tunnel, client, target, serverName]),
    )
    .toSorted((a, b) => moved(b) - moved(a) || b.ageMs - a.ageMs);
}

function fits(filter: string, texts: readonly string[]): boolean {
  const wanted = filter.toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(wanted));
}

function moved({ bytes }: SessionStatus): number {
  return bytes.in + bytes.out;
}
