import type { Status, TargetStatus, TunnelStatus } from "../../core/status.ts";
import { type History, placeOf } from "../../telemetry/history.ts";
import { formatBytes, formatRate } from "../../telemetry/quantities.ts";
import { selectTunnels } from "../../telemetry/selection.ts";
import type { Ask } from "./dialog.tsx";
import { Fact } from "./fact.tsx";
import type { ServerApi } from "./server-api.ts";
import { Sparkline } from "./sparkline.tsx";
import { State, stateOf, stateText } from "./state.tsx";

export interface TunnelListProps {
  readonly status: Status;
  readonly history: History;
  readonly filter: string;
  readonly mayOperate: boolean;
  readonly api: ServerApi;
  readonly ask: Ask;
}

/** Every tunnel as it flows: listeners, then how it balances, then its targets. */
export function TunnelList({ status, filter, ...rest }: TunnelListProps) {
  const shown = selectTunnels(status, filter);
  return (
    <section aria-labelledby="tunnels">
      <h2 id="tunnels">Tunnels</h2>
      {shown.length === 0 && (
        <p class="quiet">{filter === "" ? "There are none." : "The filter fits none."}</p>
      )}
      {shown.map(({ tunnel, targets }) => (
        <Tunnel key={tunnel.name} {...rest} tunnel={tunnel} targets={targets} />
      ))}
    </section>
  );
}

type TunnelProps = Omit<TunnelListProps, "status" | "filter"> & {
  readonly tunnel: TunnelStatus;
  readonly targets: readonly TargetStatus[];
};

function Tunnel({ tunnel, targets, history, ...rest }: TunnelProps) {
  const { name, listeners, listening, frontendTls, backendTls, balance, active, queued, origin } = tunnel;
  const { bytes, bytesIn, bytesOut, connections } = history.of(name);
  const failed = Object.entries(tunnel.outcomes).filter(([outcome]) => outcome !== "completed");
  const failures = failed.reduce((sum, [, count]) => sum + count, 0);
  return (
    <article class="tunnel" aria-label={`tunnel ${name}`}>
      <div class="flow">
        <div class="from">
          <h3>{name}</h3>
          {!listening && <State kind="odd" text="not listening" />}
          {origin === "overlay" && <span class="tag">changed while running</span>}
          <ul>
            {listeners.map((address) => (
              <li key={address}>
                <code>{address}</code> <span class="tag">{frontendTls ? "TLS" : "plain"}</span>
              </li>
            ))}
          </ul>
        </div>
        <div class="through">
          <span class="arrow" aria-hidden="true">
            →
          </span>
          <span class="quiet">{balance}</span>
          <span class="tag">{backendTls ? "TLS" : "plain"}</span>
        </div>
        <dl>
          <Fact name="sessions" value={`${active}`} title={`${tunnel.connections} since the start`} />
          {queued > 0 && <Fact name="waiting" value={`${queued}`} />}
          <Fact name="connections/s" value={formatRate(connections)} />
          <Fact
            name="in/s"
            value={formatBytes(bytesIn)}
            title={`${formatBytes(tunnel.bytes.in)} since the start`}
          />
          <Fact
            name="out/s"
            value={formatBytes(bytesOut)}
            title={`${formatBytes(tunnel.bytes.out)} since the start`}
          />
          <Fact
            name="not completed"
            value={`${failures}`}
            title={failed.map(([outcome, count]) => `${outcome}: ${count}`).join(", ")}
          />
        </dl>
        <Sparkline values={bytes} label={`bytes a second of ${name}`} />
      </div>
      <table>
        <caption class="unseen">Targets of {name}</caption>
        <thead>
          <tr>
            <th scope="col">Target</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Weight
            </th>
            <th scope="col" class="number">
              Sessions
            </th>
            <th scope="col" class="number">
              Connections
            </th>
            <th scope="col" class="number">
              Failures
            </th>
            <th scope="col" class="number">
              Bytes/s
            </th>
            {rest.mayOperate && <th scope="col">Do</th>}
          </tr>
        </thead>
        <tbody>
          {targets.map((target) => (
            <Target key={target.key} {...rest} history={history} tunnel={name} target={target} />
          ))}
        </tbody>
      </table>
    </article>
  );
}

interface TargetProps extends Pick<TunnelListProps, "history" | "mayOperate" | "api" | "ask"> {
  readonly tunnel: string;
  readonly target: TargetStatus;
}

function Target({ tunnel, target, history, mayOperate, api, ask }: TargetProps) {
  const { key, weight, priority, active, connections, failures, reason, since, overridden } = target;
  const { bytesIn, bytesOut } = history.of(placeOf(tunnel, key));
  const kind = stateOf(target);
  return (
    <tr class={kind} data-target={key}>
      <th scope="row">
        <code>{key}</code>
        {priority > 0 && <span class="tag">tier {priority}</span>}
      </th>
      <td>
        <State
          kind={kind}
          text={stateText(target)}
          title={since === undefined ? undefined : `since ${since}`}
        />
        {reason !== undefined && <span class="reason">{reason}</span>}
      </td>
      <td class="number">
        {weight}
        {overridden && <abbr title="an operator's word is in force instead of the configuration's"> *</abbr>}
      </td>
      <td class="number">{active}</td>
      <td class="number">{connections}</td>
      <td class="number">{failures}</td>
      <td class="number">{formatBytes(bytesIn + bytesOut)}</td>
      {mayOperate && (
        <td>
          <TargetButtons {...{ tunnel, target, api, ask }} />
        </td>
      )}
    </tr>
  );
}

function TargetButtons({ tunnel, target, api, ask }: Pick<TargetProps, "tunnel" | "target" | "api" | "ask">) {
  const { key, admin, weight, active } = target;
  const states = [
    { admin: "enabled", verb: "Enable", effect: "It gets new sessions again." },
    { admin: "draining", verb: "Drain", effect: `It gets no new sessions; its ${active} go on.` },
    { admin: "disabled", verb: "Disable", effect: `It gets no new sessions; its ${active} go on.` },
  ] as const;
  return (
    <span class="buttons">
      {states
        .filter((state) => state.admin !== admin)
        .map((state) => (
          <button
            key={state.admin}
            type="button"
            aria-label={`${state.verb} ${key} of ${tunnel}`}
            onClick={() =>
              ask({
                title: `${state.verb} ${key}?`,
                text: `${state.effect} This lasts until it is changed back, over restarts too.`,
                confirm: state.verb,
                act: () => api.setTarget(tunnel, key, { admin: state.admin }),
              })
            }
          >
            {state.verb}
          </button>
        ))}
      <button
        type="button"
        aria-label={`Set the weight of ${key} of ${tunnel}`}
        onClick={() =>
          ask({
            title: `Weight of ${key}`,
            text: "Its share of the sessions beside the other targets.",
            confirm: "Set",
            number: { label: "Weight, 1 to 1000", value: weight, min: 1, max: 1000 },
            act: (answer) => api.setTarget(tunnel, key, { weight: answer ?? null }),
          })
        }
      >
        Weight
      </button>
    </span>
  );
}
