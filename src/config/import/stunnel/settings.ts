/** One line `name = value` of a stunnel configuration. */
export interface Setting {
  /** As the manual writes it, whatever the case in the file. */
  readonly name: string;
  readonly value: string;
  /** Where it stands, for people: `line 3`, or `web.conf line 3` in an included file. */
  readonly place: string;
  /** Whether it stands before the first service: it holds for all of them then. */
  readonly global: boolean;
}

export interface Section {
  readonly name: string;
  readonly place: string;
  readonly settings: readonly Setting[];
}

export interface StunnelFile {
  readonly global: readonly Setting[];
  readonly services: readonly Section[];
  /** Lines that are neither settings, sections nor comments: with them, stunnel does not start. */
  readonly unreadable: readonly UnreadableLine[];
  /** Folders that could not be included. */
  readonly faults: readonly string[];
}

export interface UnreadableLine {
  /** Undefined in the file itself. */
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
}

export interface IncludedFile {
  readonly name: string;
  readonly text: string;
}

/** The regular files of a folder that `include` names, in alphabetical order. @throws Error when it cannot be read */
export type ReadFolder = (folder: string) => readonly IncludedFile[];

/** What a file may bring in at most, over all that it includes. */
const mostFiles = 1000;

/** Reads the lines of stunnel.conf; what they mean is not looked at, but for `include`, which stands for other lines. */
export function readSettings(
  text: string,
  {
    canonical,
    readFolder,
  }: { readonly canonical: (name: string) => string; readonly readFolder: ReadFolder },
): StunnelFile {
  const global: Setting[] = [];
  const services: { name: string; place: string; settings: Setting[] }[] = [];
  const faults: string[] = [];
  const unreadable: UnreadableLine[] = [];
  let files = 0;
  const read = (content: string, file?: string) => {
    for (const [index, raw] of content
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/)
      .entries()) {
      const place = `${file === undefined ? "" : `${file} `}line ${index + 1}`;
      const line = raw.trim();
      if (line === "" || line.startsWith(";") || line.startsWith("#")) continue;
      const section = /^\[(.*)\]$/.exec(line)?.[1];
      if (section !== undefined) {
        services.push({ name: section.trim(), place, settings: [] });
        continue;
      }
      const [, written, value = ""] = /^([^=\s]+)\s*=\s*(.*)$/.exec(line) ?? [];
      if (written === undefined) {
        unreadable.push({ file, line: index + 1 });
        continue;
      }
      const name = canonical(written);
      const settings = services.at(-1)?.settings ?? global;
      if (name === "include" && !include(value, place)) continue;
      settings.push({ name, value, place, global: settings === global });
    }
  };
  const include = (folder: string, place: string): boolean => {
    try {
      for (const file of readFolder(folder)) {
        files += 1;
        if (files > mostFiles) throw new Error(`more than ${mostFiles} files are included`);
        read(file.text, file.name);
      }
      return true;
    } catch (error) {
      faults.push(`${place}: include = ${folder}: not carried over: ${String(error)}`);
      return false;
    }
  };
  read(text);
  return { global, services, unreadable, faults };
}
