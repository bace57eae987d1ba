import type { Status } from "../../core/status.ts";
import { everything } from "../../telemetry/history.ts";
import { counted, formatAge, formatBytes, formatRate } from "../../telemetry/quantities.ts";
import { Fact } from "./fact.tsx";
import type { Picture } from "./feed.ts";
import { Sparkline } from "./sparkline.tsx";
import { State } from "./state.tsx";

export interface HeaderProps {
  readonly picture: Picture;
  readonly status: Status;
  readonly filter: string;
  setFilter(filter: string): void;
}

/** The program as a whole, and what to look for. */
export function Header({ picture, status, filter, setFilter }: HeaderProps) {
  const { history, caller } = picture;
  const { version, startedAt, state, workers, tunnels, generation, file, lastReload, pid } = status;
  const { bytesIn, bytesOut, connections, bytes } = history.of(everything);
  const active = tunnels.reduce((sum, tunnel) => sum + tunnel.active, 0);
  const stuck = workers.filter((worker) => worker.state !== "running").length;
  return (
    <header>
      <h1>equilibria-tunnel</h1>
      <State kind={state === "running" ? "good" : "odd"} text={state} />
      <dl>
        <Fact name="version" value={version} title={`process ${pid}`} />
        <Fact name="up" value={formatAge(Date.now() - Date.parse(startedAt))} title={`since ${startedAt}`} />
        <Fact name="configuration" value={`${generation}`} title={file ?? "command line"} />
        {workers.length > 1 && (
          <Fact
            name="workers"
            value={stuck > 0 ? `${workers.length}, ${stuck} not running` : `${workers.length}`}
          />
        )}
        <Fact name="sessions" value={`${active}`} />
        <Fact name="connections/s" value={formatRate(connections)} />
        <Fact name="in/s" value={formatBytes(bytesIn)} />
        <Fact name="out/s" value={formatBytes(bytesOut)} />
      </dl>
      <Sparkline values={bytes} label="bytes a second of the last two minutes" />
      <label class="filter">
        Filter{" "}
        <input
          id="filter"
          type="search"
          value={filter}
          aria-keyshortcuts="/"
          title="press / to come here"
          onInput={({ currentTarget }) => setFilter(currentTarget.value)}
        />
      </label>
      {caller && (
        <span class="quiet">
          {caller.name === undefined ? caller.role : `${caller.name}: ${caller.role}`}
        </span>
      )}
      {lastReload?.ok === false && (
        <p class="bad" role="status">
          The last reload failed, the old configuration serves on: {lastReload.message}
        </p>
      )}
      <p class="quiet" role="status">
        {summary(status)}
      </p>
    </header>
  );
}

/** In one sentence, which is read out when it changes. */
function summary({ tunnels }: Status): string {
  const targets = tunnels.flatMap((tunnel) => tunnel.targets.map((target) => ({ tunnel, target })));
  const bad = targets.filter(({ target }) => target.health !== "up");
  const all = `${counted(tunnels.length, "tunnel")}, ${counted(targets.length, "target")}`;
  if (bad.length === 0) return `${all}, all of them up.`;
  const names = bad.map(({ tunnel, target }) => `${target.key} of ${tunnel.name}`);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `${all}; not up: ${names.slice(0, 3).join(", ")}${more}.`;
}
