import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { Balancer } from "../core/backend.ts";
import type { Plugin, Plugins } from "../core/plugin.ts";
import { type ConfigSource, type LoadedConfig, type LoadOptions, loadWithPlaces } from "./load.ts";
import { readConfigFile } from "./read.ts";
import { type Fault, valueAt } from "./source.ts";
import { importModule, ModuleError } from "./user-module.ts";

/**
 * Reads and checks a configuration with the plugins that it brings along: they are imported first, so that they can be
 * named, and their options checked, like those that come with the program.
 *
 * @throws ConfigError with every error there is, those of the modules among them
 * @throws InputError when the file itself cannot be read
 */
export async function loadWithPlugins(from: ConfigSource, options: LoadOptions): Promise<LoadedConfig> {
  const modules = "file" in from ? modulesOf(from.file, options) : [];
  const { plugins, faults } = await importPlugins(
    modules.map(({ file }) => file),
    options,
  );
  const pluginFaults = faults.map(
    ({ position, message }): Fault => ({ path: ["plugins", modules[position]?.index ?? 0], message }),
  );
  return loadWithPlaces(from, { ...options, ...plugins, pluginFaults });
}

/** The plugins at hand with those of these modules, and what is wrong with the modules. */
export async function importPlugins(
  files: readonly string[],
  atHand: Plugins,
): Promise<{
  readonly plugins: Plugins;
  /** `position` counts the files; one may be named twice. */
  readonly faults: readonly { readonly file: string; readonly position: number; readonly message: string }[];
}> {
  const balancers: Plugin<Balancer>[] = [];
  const faults: { file: string; position: number; message: string }[] = [];
  for (const [position, file] of files.entries()) {
    try {
      for (const found of pluginsIn(await importModule(file), file)) {
        const taken = [...atHand.balancers, ...balancers].find(({ name }) => name === found.name);
        if (taken) faults.push({ file, position, message: nameTaken(taken) });
        else balancers.push(found);
      }
    } catch (error) {
      if (!(error instanceof ModuleError)) throw error;
      faults.push({ file, position, message: error.message });
    }
  }
  return { plugins: { ...atHand, balancers: [...atHand.balancers, ...balancers] }, faults };
}

/** Only the list of modules; whatever else is wrong with the file is found when all of it is read. */
function modulesOf(file: string, { env }: LoadOptions): { file: string; index: number }[] {
  const entries = valueAt(readConfigFile(file, env).data, ["plugins"]);
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown, index) =>
    typeof entry === "string" && entry !== "" && !entry.includes("\0")
      ? [{ file: resolve(dirname(file), entry), index }]
      : [],
  );
}

function nameTaken({ name, file }: Plugin<Balancer>): string {
  return `the name ${name} is taken by ${file === undefined ? "a balancer that comes with the program" : file}`;
}

/** The default export and every other one that has `create`. */
function pluginsIn(exports: Readonly<Record<string, unknown>>, file: string): Plugin<Balancer>[] {
  const candidates = Object.entries(exports).flatMap(([name, value]) =>
    name === "default" || (isObject(value) && "create" in value) ? [value] : [],
  );
  if (candidates.length === 0)
    throw new ModuleError(`${file} exports no plugin; write export default { name, create() { … } }`);
  return [...new Set(candidates)].map((candidate) => pluginOf(candidate, file));
}

/** What a module exports can be anything: looked at here once, and taken at its word from then on. */
function pluginOf(value: unknown, file: string): Plugin<Balancer> {
  const shape = isObject(value) ? value : {};
  const { name, create, options = z.strictObject({}) } = shape;
  const wrong = (what: string) => new ModuleError(`${file}: ${what}`);
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,62}$/.test(name))
    throw wrong('a plugin has a "name" of lower case, digits and hyphens');
  if (typeof create !== "function") throw wrong(`plugin ${name} has no function "create"`);
  if (!isObjectSchema(options))
    throw wrong(`the "options" of plugin ${name} must be a z.strictObject({ … }), or be left out`);
  if ("algorithm" in options.shape)
    throw wrong(`plugin ${name} cannot have an option "algorithm": it is where the balancer is named`);
  return {
    name,
    file,
    options: options.strict(),
    // called on the module's own object, which may look at itself
    create: (checked) => create.call(shape, checked) as Balancer,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Of this zod or of another copy, which the module has brought along. */
function isObjectSchema(value: unknown): value is z.ZodObject {
  if (!isObject(value) || typeof value["strict"] !== "function" || typeof value["extend"] !== "function")
    return false;
  const schema = value as unknown as z.ZodObject;
  return schema._zod?.def?.type === "object";
}
