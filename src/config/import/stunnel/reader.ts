import type { Setting } from "./settings.ts";

export interface Note {
  readonly setting: Setting;
  readonly text: string;
}

/** The settings that hold for one service, and what there is to say about those that are not simply carried over. */
export class Reader {
  readonly notes: Note[] = [];
  readonly #settings: readonly Setting[];
  readonly #seen = new Set<Setting>();
  readonly #replaced = new Set<Setting>();

  /** @param settings those for all services before the service's own: the last one counts */
  constructor(settings: readonly Setting[]) {
    this.#settings = settings;
  }

  /** Every setting of these names, in the order of the file. Whoever asks says what becomes of them. */
  all(...names: readonly string[]): readonly Setting[] {
    const found = this.#settings.filter(({ name }) => names.includes(name));
    for (const setting of found) this.#seen.add(setting);
    return found;
  }

  /** The one that counts. Those that it replaces are not needed, but for defaults, which other services go by. */
  last(name: string): Setting | undefined {
    const found = this.all(name);
    const last = found.at(-1);
    for (const setting of found) {
      if (setting === last || setting.global !== last?.global || this.#replaced.has(setting)) continue;
      this.#replaced.add(setting);
      this.drop(setting, `${last.place} takes its place`);
    }
    return last;
  }

  text(name: string): string | undefined {
    return this.last(name)?.value;
  }

  /** Whether a switch is on; undefined when it is not given. */
  flag(name: string): boolean | undefined {
    const setting = this.last(name);
    return setting && /^(yes|true|on|1)$/i.test(setting.value);
  }

  /** A duration of ours. */
  seconds(name: string): string | undefined {
    const setting = this.last(name);
    if (setting === undefined) return undefined;
    if (/^\d{1,8}$/.test(setting.value)) return `${Number(setting.value)}s`;
    this.refuse(setting, "it is no number of seconds");
    return undefined;
  }

  refuse(setting: Setting | undefined, reason: string): void {
    this.#note(setting, `not carried over: ${reason}`);
  }

  drop(setting: Setting | undefined, reason: string): void {
    this.#note(setting, `not needed: ${reason}`);
  }

  remark(setting: Setting | undefined, text: string): void {
    this.#note(setting, text);
  }

  /** Those that nobody has asked for. */
  get rest(): readonly Setting[] {
    return this.#settings.filter((setting) => !this.#seen.has(setting));
  }

  #note(setting: Setting | undefined, text: string): void {
    if (setting) this.notes.push({ setting, text });
  }
}

/** Passwords and keys are not repeated in comments, which end up in tickets and mails. */
export function noteText({ setting, text }: Note): string {
  const secret = /^(protocolPassword|ticketKeySecret|ticketMacSecret|engineCtrl|providerParameter)$/;
  const value = secret.test(setting.name) ? "…" : setting.value;
  const line = `${setting.name} = ${value}`.trimEnd();
  return `${setting.place}: ${line}: ${text}`;
}
