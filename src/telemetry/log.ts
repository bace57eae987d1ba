import { type Logger, pino, stdTimeFunctions } from "pino";
import { formatAddress } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import { type Outcome, reasonOf } from "../core/outcome.ts";
import { formatDuration } from "../core/units.ts";
import { damFlood } from "./flood.ts";
import { jsonOutput, prettyOutput } from "./log-output.ts";
import { defaultRejections, type LogOptions } from "./options.ts";
import { logPluginFailures } from "./plugin-failures.ts";
import { sessionRecord } from "./session-record.ts";

export interface Log {
  readonly logger: Logger;
  /**
   * Writes a record that is all plain data, as the logger would, at a third of the price: for the one line that every
   * session writes.
   */
  record(level: "info" | "warn" | "error", record: object): void;
  /** Writes out lines of another process' log, which are JSON. */
  passOn(lines: string): void;
  /** Lines a second about sessions that were turned away; 0 for a line each. */
  readonly rejections: number;
  /** Writes out what is buffered, before the process ends. Resolves when it is, or cannot be. */
  flush(): Promise<void>;
}

/** The log on standard output. A closed standard output loses records, never the process. */
export function createLog(options: LogOptions): Log {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stdout.isTTY);
  const output = pretty ? prettyOutput() : jsonOutput();
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const record: Log["record"] = (level, facts) => {
    if (!logger.isLevelEnabled(level)) return;
    const time = new Date().toISOString();
    output.write(`{"level":"${level}","time":"${time}",${JSON.stringify(facts).slice(1)}\n`);
  };
  const passOn: Log["passOn"] = (lines) => {
    if (pretty) for (const line of lines.split("\n")) line !== "" && output.write(`${line}\n`);
    else output.write(lines);
  };
  return { logger, record, passOn, rejections: options.rejections ?? defaultRejections, flush: output.flush };
}

/** What only the operator can mend is an error; what he should look at is a warning. */
const outcomeLevels: Partial<Record<Outcome, "warn" | "error">> = {
  "no-target": "error",
  "connect-failed": "warn",
  "internal-error": "error",
};

/** Turns events into records: one line per session, and what an operator wants to know besides. */
export function logEvents(events: Events, log: LogSink): void {
  logSessions(events, log);
  logStapling(events, log);
  logOperation(events, log);
  logPluginFailures(events, log.logger);
}

/** The same in a worker: what its supervisor tells is left to it. */
export function logWorkerEvents(events: Events, log: LogSink): void {
  logSessions(events, log);
  logStapling(events, log);
  logPluginFailures(events, log.logger);
}

type LogSink = Pick<Log, "logger" | "record" | "rejections">;

function logSessions(events: Events, { logger, record, rejections }: LogSink): void {
  const isToldAlone = damFlood(events, { logger, rejections });
  events.on("session.closed", ({ session }) => {
    const level = outcomeLevels[session.outcome ?? "internal-error"] ?? "info";
    if (logger.isLevelEnabled(level) && isToldAlone(session)) record(level, sessionRecord(session));
  });
  events.on("target.failed", ({ session, target, error }) => {
    if (!logger.isLevelEnabled("debug")) return;
    const { tunnel, id } = session;
    logger.debug({ event: "target-failed", tunnel, target: target.key, id, reason: reasonOf(error) });
  });
}

/** Each process fetches what it staples by itself. */
function logStapling(events: Events, { logger }: LogSink): void {
  events.on("ocsp.staple", ({ tunnel, source, ok, reason, until }) => {
    const state = until
      ? `an OCSP answer is stapled until ${until.toISOString()}`
      : "no OCSP answer is stapled";
    const message = `${tunnel}: ${source}: ${state}${reason === undefined ? "" : `: ${reason}`}`;
    logger[ok ? "info" : "warn"]({ event: "ocsp-staple", tunnel, source, ok, reason, until }, message);
  });
}

const weaknesses = {
  legacy: "old versions, suites and short keys are taken from the peer",
  keyLog: "the keys of every session are written to a file",
  client: "clients need no certificate here, though they do elsewhere on the same address",
};

function logOperation(events: Events, { logger }: LogSink): void {
  events.on("target.health", ({ backend, target, from, to, reason }) => {
    const level = to === "up" ? "info" : "warn";
    const message = `${backend}: target ${target} is ${to}: ${reason}`;
    logger[level]({ event: "target-health", backend, target, from, to, reason }, message);
  });
  events.on("backend.changed", ({ backend, added, removed }) => {
    logger.info({ event: "backend-changed", backend, added, removed }, `${backend}: other targets`);
  });
  events.on("provider.failed", ({ backend, reason }) => {
    const message = `${backend}: targets cannot be looked up, the last ones stay: ${reason}`;
    logger.warn({ event: "provider-failed", backend, reason }, message);
  });
  events.on("provider.recovered", ({ backend }) => {
    logger.info({ event: "provider-recovered", backend }, `${backend}: targets can be looked up again`);
  });
  events.on("frontend.listening", ({ tunnel, listening, reason }) => {
    const message = `${tunnel}: ${listening ? "listening again" : "not listening"}: ${reason}`;
    logger[listening ? "info" : "warn"]({ event: "frontend-listening", tunnel, listening, reason }, message);
  });
  events.on("tls.weakened", ({ tunnel, setting, where }) => {
    logger.warn({ event: "tls-weakened", tunnel, setting }, `${where}: ${weaknesses[setting]}`);
  });
  events.on("admin.exposed", ({ address }) => {
    const message = `admin.http listens on ${address} without tls: whoever is on the way reads the tokens`;
    logger.warn({ event: "admin-exposed", address }, message);
  });
  events.on("tls.unverified", ({ tunnel, verify }) => {
    const message = `${tunnel}: backend.tls.verify is ${verify}: anybody can pose as the target`;
    logger.warn({ event: "tls-unverified", tunnel }, message);
  });
  events.on("certificate.expiring", ({ tunnel, source, notAfter }) => {
    logger.warn(
      { event: "certificate-expiring", tunnel, source, notAfter },
      `${tunnel}: ${source} expires soon`,
    );
  });
  events.on("crl.expiring", ({ tunnel, source, issuer, nextUpdate, expired }) => {
    const what = `${tunnel}: ${source}, the CRL of ${issuer},`;
    const message = expired
      ? `${what} has expired: every certificate of this issuer is refused`
      : `${what} expires soon`;
    logger.warn({ event: "crl-expiring", tunnel, source, issuer, nextUpdate, expired }, message);
  });
  events.on("admin.write", (write) => {
    const level = write.status < 400 ? "info" : "warn";
    logger[level]({ event: "admin", ...write }, `admin: ${write.method} ${write.path}: ${write.status}`);
  });
  events.on("ready", ({ listeners, metrics, admin }) => {
    const bound = listeners.map(({ tunnel, address }) => ({ tunnel, address: formatAddress(address) }));
    const scraped = metrics && formatAddress(metrics);
    logger.info(
      {
        event: "ready",
        pid: process.pid,
        listeners: bound,
        metrics: scraped,
        admin: admin.map(formatAddress),
      },
      "ready",
    );
  });
  events.on("config.applied", ({ generation, diff, by }) => {
    const changes = Object.fromEntries(Object.entries(diff).filter(([, names]) => names.length > 0));
    logger.info({ event: "config-applied", generation, by, ...changes }, "another configuration is in use");
  });
  events.on("material.applied", ({ tunnels }) => {
    logger.info({ event: "material-applied", tunnels }, `changed files are in use: ${tunnels.join(", ")}`);
  });
  events.on("material.rejected", ({ reason }) => {
    const message = "changed files cannot be used, those before are";
    logger.error({ event: "material-rejected", reason }, message);
  });
  events.on("config.rejected", ({ reason, by }) => {
    logger.error(
      { event: "config-rejected", by, reason },
      "the configuration was rejected, the old one serves on",
    );
  });
  events.on("worker.ended", ({ worker, reason }) => {
    const message = `worker ${worker} has ended, and its sessions with it: ${reason}`;
    logger.error({ event: "worker-ended", worker, reason }, message);
  });
  events.on("worker.started", ({ worker, pid }) => {
    logger.info({ event: "worker-started", worker, pid }, `worker ${worker} is back`);
  });
  events.on("draining", ({ sessions, deadlineMs }) => {
    logger.info({ event: "draining", sessions }, `draining for at most ${formatDuration(deadlineMs)}`);
  });
  events.on("stopped", ({ sessions }) => {
    logger.info({ event: "stopped", sessions }, "stopped");
  });
}
