import { setTimeout as delay } from "node:timers/promises";
import type { TargetStatus, TunnelStatus } from "../../core/status.ts";
import { History, placeOf, type Rates } from "../../telemetry/history.ts";
import { formatBytes, formatRate } from "../../telemetry/quantities.ts";
import type { ControlClient } from "../control-client.ts";
import { type Column, table } from "../table.ts";
import { stateOf, usableCount } from "../tunnel-table.ts";

/** Milliseconds that the rates are made of. */
const span = 1000;

type Measured<Thing> = Thing & { readonly perSecond: Rates };

/** What `top` prints as JSON: the tunnels as `tunnels --json` has them, with rates. */
export type MeasuredTunnel = Measured<
  Omit<TunnelStatus, "targets"> & { readonly targets: readonly Measured<TargetStatus>[] }
>;

/** Looks twice, and tells what has happened in between. */
export async function measure(control: ControlClient): Promise<readonly MeasuredTunnel[]> {
  const history = new History();
  history.add(await control.status(), performance.now());
  await delay(span);
  const status = await control.status();
  history.add(status, performance.now());
  const rates = (place: string): Rates => {
    const { connections, bytesIn, bytesOut } = history.of(place);
    return { connections, bytesIn, bytesOut };
  };
  return status.tunnels.map((tunnel) => ({
    ...tunnel,
    perSecond: rates(tunnel.name),
    targets: tunnel.targets.map((target) => ({
      ...target,
      perSecond: rates(placeOf(tunnel.name, target.key)),
    })),
  }));
}

/** A line for each tunnel, and one for each target below it. */
export function measuredTable(tunnels: readonly MeasuredTunnel[]): string {
  return table(
    tunnels.flatMap((tunnel) => [lineOf(tunnel), ...tunnel.targets.map(targetLineOf)]),
    columns,
  );
}

interface Line {
  readonly name: string;
  readonly state: string;
  readonly style: "green" | "red" | "yellow" | "gray" | "magenta" | undefined;
  readonly weight: string;
  readonly active: number;
  readonly rates: Rates;
  readonly why: string;
}

function lineOf(tunnel: MeasuredTunnel): Line {
  const usable = usableCount(tunnel);
  const all = tunnel.targets.length;
  return {
    ...{ name: tunnel.name, state: `${usable}/${all} up`, weight: "", why: "" },
    style: usable === all && all > 0 ? "green" : usable > 0 ? "yellow" : "red",
    ...{ active: tunnel.active, rates: tunnel.perSecond },
  };
}

function targetLineOf(target: Measured<TargetStatus>): Line {
  const { text, style } = stateOf(target);
  return {
    ...{ name: `  ${target.key}`, state: text, style: style as Line["style"], why: target.reason ?? "" },
    weight: `${target.weight}${target.overridden ? "*" : ""}`,
    ...{ active: target.active, rates: target.perSecond },
  };
}

const columns: readonly Column<Line>[] = [
  { title: "TUNNEL / TARGET", text: ({ name }) => name },
  { title: "STATE", text: ({ state }) => state, style: ({ style }) => style },
  { title: "WEIGHT", align: "right", text: ({ weight }) => weight },
  { title: "ACTIVE", align: "right", text: ({ active }) => String(active) },
  { title: "CONN/S", align: "right", text: ({ rates }) => formatRate(rates.connections) },
  { title: "IN/S", align: "right", text: ({ rates }) => formatBytes(rates.bytesIn) },
  { title: "OUT/S", align: "right", text: ({ rates }) => formatBytes(rates.bytesOut) },
  { title: "WHY", atLeast: 8, optional: true, text: ({ why }) => why },
];
