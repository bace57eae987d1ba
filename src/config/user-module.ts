import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { explainFailure } from "../core/plugin.ts";

/** A module cannot be used. The message says why, without its name. */
export class ModuleError extends Error {
  override readonly name = "ModuleError";
}

const extensions: readonly string[] = [".ts", ".mts", ".js", ".mjs"];
/** Milliseconds that a module's own top level may wait for something. */
const patience = 10_000;
const packageName = "equilibria-tunnel";

/**
 * Imports a user's module and returns what it exports, by name. A module that has changed since is imported anew, one
 * that has not is the one imported before; what a module imports in turn is not looked at again.
 *
 * @throws ModuleError
 */
export async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  if (!extensions.includes(extname(file)))
    throw new ModuleError(`${file} is no module; a name of one ends in .ts, .mts, .js or .mjs`);
  const version = hash("sha256", await read(file)).slice(0, 16);
  const hooks = resolveOwnPackage();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(late.reject, patience, new Error("it is still not loaded after 10s"));
  try {
    return await Promise.race([import(`${pathToFileURL(file).href}?v=${version}`), late.promise]);
  } catch (error) {
    throw new ModuleError(`${file} cannot be loaded: ${explainFailure(error, file)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    hooks.deregister();
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw new ModuleError(`there is no file ${file}`, { cause: error });
    if (code === "EISDIR") throw new ModuleError(`${file} is a folder, not a file`, { cause: error });
    throw new ModuleError(`${file} cannot be read: ${code ?? error}`, { cause: error });
  }
}

/** A module lies anywhere, and this package may be installed anywhere else: its name always means the one that runs. */
function resolveOwnPackage(): { deregister(): void } {
  const url = new URL(`../index${extname(import.meta.filename)}`, import.meta.url).href;
  return registerHooks({
    resolve: (specifier, context, next) =>
      specifier === packageName ? { url, shortCircuit: true } : next(specifier, context),
  });
}
