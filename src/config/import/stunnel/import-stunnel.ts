import { Block, commentedYaml } from "../commented-yaml.ts";
import { canonicalName } from "./options.ts";
import { isProgramWide, writeProgram } from "./program.ts";
import { type Note, noteText, Reader } from "./reader.ts";
import { type ReadFolder, readSettings, type Section, type UnreadableLine } from "./settings.ts";
import { type Parts, translateService } from "./tunnel.ts";

export interface Imported {
  /** The configuration, with comments; undefined when no service could be carried over. */
  readonly yaml: string | undefined;
  /** What was not carried over, a line each. */
  readonly refused: readonly string[];
  /** Lines that make no sense, so that nothing was made of the file. */
  readonly unreadable: readonly UnreadableLine[];
}

interface Translated {
  readonly section: Section;
  readonly name: string;
  readonly notes: readonly Note[];
  readonly parts: Parts | string;
  /** The `SERVICE:PATTERN` of `sni`, where it is a virtual server of another one. */
  readonly virtual: VirtualServer | undefined;
}

interface VirtualServer {
  readonly primary: string;
  readonly pattern: string;
}

/**
 * Makes our configuration of stunnel's. Every setting is carried over, or a comment says why it is not, naming the line.
 *
 * @param source what the file is called, for the first comment
 */
export function importStunnel(
  text: string,
  { source, readFolder }: { readonly source: string; readonly readFolder: ReadFolder },
): Imported {
  const file = readSettings(text, { canonical: canonicalName, readFolder });
  if (file.unreadable.length > 0) return { yaml: undefined, refused: [], unreadable: file.unreadable };
  const program = new Reader(file.global.filter(({ name }) => isProgramWide(name)));
  const document = new Block();
  writeProgram(program, document);
  const defaults = file.global.filter(({ name }) => !isProgramWide(name));
  const names = new Set<string>();
  const services = file.services.map((section) => translate(section, defaults, names));
  const routed = services.map((service) => withRoutes(service, services));
  const tunnels = new Block();
  const lost: string[] = [];
  for (const { service, routes, fault } of routed) {
    const comment = [`[${service.section.name}], ${service.section.place}`, ...ownNotes(service)];
    const whole = fault ?? (typeof service.parts === "string" ? service.parts : undefined);
    if (whole !== undefined)
      lost.push(
        `[${service.section.name}], ${service.section.place}: not carried over: ${whole}`,
        ...ownNotes(service),
      );
    else if (typeof service.parts !== "string" && service.virtual === undefined)
      tunnels.set(service.name, tunnelBlock(service.parts, routes), ...comment);
  }
  const shared = [...program.notes, ...services.flatMap(({ notes }) => notes.filter(isShared))];
  const head = [...new Set([...shared.map(noteText), ...file.faults])];
  const refused = [...head, ...lost, ...services.flatMap(ownNotes)].filter((line) =>
    /: not carried over: /.test(line),
  );
  if (file.services.length === 0) {
    const text = "not carried over: there is no [service] that it is for";
    refused.push(
      "no [service] is in the file: inetd mode is not carried over, let the program listen itself",
    );
    refused.push(...defaults.map((setting) => noteText({ setting, text })));
  }
  if (tunnels.isEmpty) return { yaml: undefined, refused: [...new Set(refused)], unreadable: [] };
  document.set(
    "defaults",
    new Block().set("timeouts", new Block().set("idle", "12h")),
    "stunnel's TIMEOUTidle; without it, idle sessions end after an hour",
  );
  document.set("tunnels", tunnels);
  const intro = [
    `Made of ${source} by equilibria-tunnel import stunnel.`,
    "Relative paths count from the folder of this file; stunnel took them from where it was started.",
  ];
  return {
    yaml: commentedYaml(document, { head: [...intro, ...head], tail: lost }),
    refused: [...new Set(refused)],
    unreadable: [],
  };
}

function translate(section: Section, defaults: Section["settings"], names: Set<string>): Translated {
  const name = tunnelName(section.name, names);
  const reader = new Reader([...defaults, ...section.settings]);
  // the last one counts, in stunnel as well: a service answers to one pattern
  const sni = reader.flag("client") === true ? undefined : reader.text("sni");
  const colon = sni?.indexOf(":") ?? 0;
  const virtual =
    sni === undefined
      ? undefined
      : { primary: sni.slice(0, colon).trim(), pattern: sni.slice(colon + 1).trim() };
  const parts = translateService(reader, name);
  return { section, name, parts, notes: reader.notes, virtual };
}

/** Gives a service those that say that they are virtual servers of it; says of one of those what is wrong with it. */
function withRoutes(service: Translated, all: readonly Translated[]) {
  const fault = virtualFault(service, all);
  const routes = all.flatMap((other): RoutePart[] => {
    const { section, virtual, parts } = other;
    if (virtual?.primary !== service.section.name || virtualFault(other, all) !== undefined) return [];
    if (typeof parts === "string") return [];
    const comment = [`[${section.name}], ${section.place}`, ...ownNotes(other)];
    return [{ pattern: virtual.pattern, parts, comment }];
  });
  return { service, routes, fault };
}

function virtualFault(service: Translated, all: readonly Translated[]): string | undefined {
  if (service.virtual === undefined) return undefined;
  const { primary, pattern } = service.virtual;
  const owner = all.find(({ section }) => section.name === primary);
  if (!owner) return `sni names the service ${primary}, which is not there`;
  if (typeof owner.parts === "string") return `its primary service ${primary} cannot be carried over`;
  if (owner.virtual !== undefined || owner.parts.serverTls === undefined)
    return `sni names the service ${primary}, which is no server with a port of its own`;
  if (!/^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i.test(pattern))
    return `the pattern ${pattern} cannot be matched: give names, or *.example.com`;
  const before = all
    .slice(0, all.indexOf(service))
    .find(({ virtual }) => virtual?.primary === primary && takes(virtual.pattern, pattern));
  return before && `[${before.section.name}] stands before it and takes ${pattern} as well`;
}

/** Whether no name is left for a pattern that stands after another one, to which stunnel keeps. */
function takes(earlier: string, later: string): boolean {
  const [first, second] = [earlier.toLowerCase(), later.toLowerCase()];
  return first === second || (first.startsWith("*") && second.endsWith(first.slice(1)));
}

interface RoutePart {
  readonly pattern: string;
  readonly parts: Parts;
  readonly comment: readonly string[];
}

function tunnelBlock({ frontend, backend }: Parts, routes: readonly RoutePart[]): Block {
  const tunnel = new Block().set("frontend", frontend);
  if (routes.length > 0)
    tunnel.set(
      "routes",
      routes.map(({ pattern, parts }) =>
        new Block()
          .set("match", new Block().set("serverName", pattern))
          .set("tls", parts.serverTls)
          .set("backend", parts.backend),
      ),
      ...routes.flatMap(({ comment }) => comment),
      ...(routes.some(({ pattern }) => pattern.startsWith("*"))
        ? ["A star stands for one label here, for any number of them in stunnel."]
        : []),
    );
  return tunnel.set("backend", backend);
}

/** Notes on settings that hold for all services are told once, at the top. */
function isShared({ setting }: Note): boolean {
  return setting.global;
}

function ownNotes({ notes }: Translated): readonly string[] {
  return [...new Set(notes.filter((note) => !isShared(note)).map(noteText))];
}

function tunnelName(name: string, taken: Set<string>): string {
  const cleaned = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "")
    .slice(0, 56);
  const base = cleaned === "" ? "service" : cleaned;
  let unique = base;
  for (let count = 2; taken.has(unique); count++) unique = `${base}-${count}`;
  taken.add(unique);
  return unique;
}
