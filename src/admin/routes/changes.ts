import { z } from "@hono/zod-openapi";
import type {
  ChangeOptions,
  ConfigChange,
  Control,
  ReloadFailure,
  ReloadResult,
} from "../../core/control.ts";
import { callerText } from "../access.ts";
import type { Api } from "../api.ts";
import * as schemas from "../schemas.ts";
import { json, part, type RequestContext, type Route, serve, targetParam, tunnelParam } from "./route.ts";

const dryRun = z.object({
  dryRun: z.string().optional().openapi({ description: "says what would happen, and changes nothing" }),
});
const outcome = {
  200: json(schemas.applied, "what it has changed"),
  201: json(schemas.applied, "what it has made"),
};

/** What changes the configuration in use. */
export function addChanges(app: Api, control: Control): void {
  const apply = async (c: RequestContext, wanted: ConfigChange) =>
    answer(c, await control.change(wanted, optionsOf(c)));
  addConfig(app, control, apply);
  addTunnels(app, apply);
  addTargets(app, apply);
  addOverlay(app, control);
  serve(
    app,
    {
      ...{ role: "operate", method: "post", path: "/api/v1/reload", summary: "Read the file anew" },
      request: { query: dryRun },
      responses: outcome,
    },
    async (c) => answer(c, await control.reload(optionsOf(c))),
  );
}

type Apply = (c: RequestContext, wanted: ConfigChange) => Promise<Response>;

function addConfig(app: Api, control: Control, apply: Apply): void {
  const path = "/api/v1/config";
  serve(
    app,
    {
      ...{ role: "read", method: "get", path, summary: "The configuration in use, as a file has it" },
      responses: { 200: json(schemas.configBlock, "secrets hidden; ETag names it") },
    },
    async (c) => {
      const { etag, document } = await control.document();
      c.header("ETag", etag);
      return c.req.header("if-none-match") === etag ? c.body(null, 304) : c.json(document);
    },
  );
  const params = undefined;
  const block = schemas.configBlock;
  serve(app, change("put", { path, block, params, summary: "Replace all tunnels and backends" }), (c) =>
    apply(c, { kind: "put-config", block: c.get("body") }),
  );
  serve(app, change("patch", { path, block, params, summary: "Change some (RFC 7396)" }), (c) =>
    apply(c, { kind: "patch-config", block: c.get("body") }),
  );
}

function addTunnels(app: Api, apply: Apply): void {
  const path = "/api/v1/tunnels/{tunnel}";
  const params = tunnelParam;
  const block = schemas.tunnelBlock;
  serve(app, change("put", { path, block, params, summary: "Make or replace a tunnel" }), (c) =>
    apply(c, { kind: "put-tunnel", name: part(c, "tunnel"), block: c.get("body") }),
  );
  serve(app, change("patch", { path, block, params, summary: "Change a tunnel (RFC 7396)" }), (c) =>
    apply(c, { kind: "patch-tunnel", name: part(c, "tunnel"), block: c.get("body") }),
  );
  serve(app, change("delete", { path, params, summary: "Remove a tunnel; its sessions run out" }), (c) =>
    apply(c, { kind: "delete-tunnel", name: part(c, "tunnel") }),
  );
}

function addTargets(app: Api, apply: Apply): void {
  const path = "/api/v1/tunnels/{tunnel}/targets/{target}";
  const params = targetParam;
  const block = schemas.targetBlock;
  const place = (c: RequestContext) => ({ tunnel: part(c, "tunnel"), key: part(c, "target") });
  serve(app, change("put", { path, block, params, summary: "Add or replace a target" }), (c) =>
    apply(c, { kind: "put-target", ...place(c), block: c.get("body") }),
  );
  serve(app, change("patch", { path, block, params, summary: "Change a target (RFC 7396)" }), (c) =>
    apply(c, { kind: "patch-target", ...place(c), block: c.get("body") }),
  );
  serve(app, change("delete", { path, params, summary: "Remove a target; its sessions run out" }), (c) =>
    apply(c, { kind: "delete-target", ...place(c) }),
  );
}

function addOverlay(app: Api, control: Control): void {
  const path = "/api/v1/overlay";
  const summary = "What was changed while running and is not in the file";
  const responses = { 200: json(z.array(schemas.overlayEntry), "each with who did it, and when") };
  serve(app, { role: "read", method: "get", path, summary, responses }, async (c) =>
    c.json(await control.overlay()),
  );
  const one = z.string().optional().openapi({ description: "only this one; without it, all" });
  serve(
    app,
    {
      ...{ role: "admin", method: "delete", path, summary: "Take changes back" },
      request: { query: dryRun.extend({ path: one }) },
      responses: outcome,
    },
    async (c) => answer(c, await control.dropOverlay(c.req.query("path"), optionsOf(c))),
  );
}

interface ChangeRoute {
  readonly path: string;
  readonly params: z.ZodObject | undefined;
  readonly summary: string;
  readonly block?: z.ZodType;
}

function change(method: "put" | "patch" | "delete", { path, params, summary, block }: ChangeRoute): Route {
  return {
    ...{ role: "admin", method, path, summary },
    request: {
      query: dryRun,
      headers: z.object({
        "if-match": z.string().optional().openapi({
          description: "the ETag of the configuration that the change is made for",
        }),
      }),
      ...(params ? { params } : {}),
      ...(block ? { body: { ...json(block, "as it stands in a file"), required: true } } : {}),
    },
    responses: outcome,
  };
}

function optionsOf(c: RequestContext): ChangeOptions {
  const ifMatch = c.req.header("if-match");
  const wish = c.req.query("dryRun");
  return {
    // RFC 9110 section 13.1.1: `*` is any configuration, and there always is one
    ifMatch: ifMatch === "*" ? undefined : ifMatch,
    dryRun: wish !== undefined && wish !== "false" && wish !== "0",
    by: callerText(c.get("caller")),
  };
}

const statuses = {
  invalid: 400,
  unknown: 404,
  "cannot-listen": 409,
  conflict: 412,
  failed: 500,
} as const satisfies Record<ReloadFailure, number>;

function answer(c: RequestContext, result: ReloadResult): Response {
  if (!result.ok) return c.json(result, statuses[result.kind]);
  c.header("ETag", result.etag);
  const { tunnelsAdded, targetsAdded } = result.diff;
  const isNew = c.req.method === "PUT" && tunnelsAdded.length + targetsAdded.length > 0;
  return c.json(result, isNew ? 201 : 200);
}
