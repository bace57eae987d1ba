import { serveMetrics } from "../admin/metrics-server.ts";
import { backendUses } from "../config/backend-uses.ts";
import type { Config, TunnelConfig } from "../config/schema.ts";
import type { Address } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import type { Bind } from "../net/listen.ts";
import { createMetrics, type MetricsSnapshot } from "../telemetry/metrics.ts";
import type { MetricsOptions } from "../telemetry/options.ts";
import { backingKey } from "./backing.ts";
import { allOf, crlsIn, identitiesOf, type Material } from "./material.ts";
import type { PlaneState } from "./plane.ts";
import { version } from "./version.ts";

/** Where the figures come from; what they return is of the moment. */
export interface FiguresSource {
  readonly events: Events;
  state(): Promise<PlaneState>;
  config(): Config;
  material(): Material;
}

export interface MetricsService {
  /** Where they are served, if anywhere. */
  readonly address: Address | undefined;
  text(): Promise<string>;
  close(): void;
}

/**
 * The program's metrics, served where `options` say.
 *
 * @throws ListenError
 */
export async function openMetrics(
  options: MetricsOptions | undefined,
  { bind, ...source }: FiguresSource & { readonly bind: Bind | undefined },
): Promise<MetricsService> {
  const metrics = createMetrics({
    version: version(),
    events: source.events,
    snapshot: () => figures(source),
  });
  const text = () => metrics.text();
  const listener = options && (await serveMetrics({ ...options, text, bind }));
  return { address: listener?.address, text, close: () => listener?.close() };
}

async function figures({ state, config, material }: FiguresSource): Promise<MetricsSnapshot> {
  const { counts, tunnels, backends } = await state();
  return {
    counts,
    targets: config().tunnels.flatMap((tunnel) => targetsOf(tunnel, backends)),
    queues: [...tunnels].flatMap(([tunnel, { limited, queued }]) =>
      limited ? [{ tunnel, length: queued }] : [],
    ),
    certificates: [...material()].flatMap(([tunnel, read]) =>
      allOf(read)
        .flatMap(({ value }) => identitiesOf(value))
        .map(({ source, leaf }) => ({ tunnel, source, notAfter: leaf.validToDate })),
    ),
    crls: crlsIn(material()).map(({ tunnel, source, crl }) => ({
      tunnel,
      source,
      nextUpdate: crl.nextUpdate,
    })),
  };
}

/** A target that several of a tunnel's backends have is one series. */
function targetsOf(tunnel: TunnelConfig, backends: PlaneState["backends"]): MetricsSnapshot["targets"] {
  const keys = new Set(backendUses(tunnel).map(({ backend }) => backingKey(backend)));
  const targets = new Map<string, MetricsSnapshot["targets"][number]>();
  for (const { key: target, health, active, weight } of [...keys].flatMap((key) => backends.get(key) ?? [])) {
    const known = targets.get(target);
    targets.set(target, {
      ...{ tunnel: tunnel.name, target, weight },
      active: active + (known?.active ?? 0),
      up: health === "up" || known?.up === true,
    });
  }
  return [...targets.values()];
}
