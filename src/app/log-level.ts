import type { LogLevel } from "../core/control.ts";
import type { Log } from "../telemetry/log.ts";

/** The level of the log, which can be another one for a while. */
export class LogLevelSwitch {
  readonly #logger: Log["logger"];
  readonly #tell: (level: LogLevel) => void;
  #timer: NodeJS.Timeout | undefined;
  /** What is to come back when the time is over. */
  #lasting: LogLevel;

  /** @param tell called with every level that is set, for those who have a log of their own */
  constructor({ logger }: Log, tell: (level: LogLevel) => void) {
    this.#logger = logger;
    this.#tell = tell;
    this.#lasting = logger.level as LogLevel;
  }

  get level(): LogLevel {
    return this.#logger.level as LogLevel;
  }

  set(level: LogLevel, forMs?: number): void {
    clearTimeout(this.#timer);
    this.#apply(level);
    if (forMs === undefined) this.#lasting = level;
    else
      this.#timer = setTimeout(() => {
        this.#apply(this.#lasting);
      }, forMs).unref();
  }

  #apply(level: LogLevel): void {
    this.#logger.level = level;
    this.#tell(level);
  }
}
