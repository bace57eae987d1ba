import type { z } from "zod";
import { type BackendContext, type BackendOptions, backendOptions } from "../backend/options.ts";
import type { Address } from "../core/address.ts";
import { type FrontendOptions, frontendOptions, listenOptions } from "../frontend/options.ts";
import { type RouteOptions, routeOptions } from "./schema.ts";
import { type Path, type Source, valueAt } from "./source.ts";
import { tunnelBackend } from "./tunnel-backend.ts";

/** A tunnel as its file has it. Each half is there when it is valid, whatever is wrong elsewhere. */
export interface TunnelEntry {
  readonly name: string;
  readonly source: Source;
  readonly path: Path;
  readonly enabled: boolean;
  /** The data as it was read. */
  readonly raw: unknown;
  readonly resolvePath: (path: string) => string;
  readonly listen: readonly Address[];
  readonly frontend: FrontendOptions | undefined;
  /** In place, or the name of a shared one. */
  readonly backend: BackendOptions | string | undefined;
  /** By their place in the list; undefined for one that is not valid. */
  readonly routes: readonly (RouteOptions | undefined)[];
}

/** A shared backend; an invalid one still has its name. */
export interface BackendEntry {
  readonly name: string;
  readonly source: Source;
  readonly path: Path;
  readonly raw: unknown;
  readonly resolvePath: (path: string) => string;
  readonly backend: BackendOptions | undefined;
}

export interface Entries {
  readonly tunnels: readonly TunnelEntry[];
  readonly backends: readonly BackendEntry[];
}

/** Takes from a file what is valid by itself, so that one error does not hide another. */
export function readEntries(source: Source, data: unknown, context: BackendContext): Entries {
  const frontendSchema = frontendOptions(context);
  const tunnelBackendSchema = tunnelBackend(context);
  const backendSchema = backendOptions(context);
  const listenSchema = listenOptions(context);
  const routeSchema = routeOptions(context);
  const { resolvePath } = context;
  return {
    tunnels: entriesOf(data, "tunnels").map(([name, raw]) => ({
      name,
      source,
      path: ["tunnels", name],
      raw,
      resolvePath,
      enabled: valueAt(raw, ["enabled"]) !== false,
      listen: validPart(listenSchema, listenOf(valueAt(raw, ["frontend"]))) ?? [],
      frontend: validPart(frontendSchema, valueAt(raw, ["frontend"])),
      backend: validPart(tunnelBackendSchema, valueAt(raw, ["backend"])),
      routes: listOf(valueAt(raw, ["routes"])).map((route) => validPart(routeSchema, route)),
    })),
    backends: entriesOf(data, "backends").map(([name, raw]) => ({
      name,
      source,
      path: ["backends", name],
      raw,
      resolvePath,
      backend: validPart(backendSchema, raw),
    })),
  };
}

function entriesOf(data: unknown, key: string): [string, unknown][] {
  const value = valueAt(data, [key]);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function listenOf(frontend: unknown): unknown {
  return typeof frontend === "object" ? valueAt(frontend, ["listen"]) : frontend;
}

function validPart<Schema extends z.ZodType>(schema: Schema, raw: unknown): z.output<Schema> | undefined {
  return raw === undefined ? undefined : schema.safeParse(raw).data;
}
