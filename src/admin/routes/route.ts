import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Api, ApiEnv } from "../api.ts";
import { Refusal } from "../refusal.ts";
import { includes, type Role } from "../role.ts";
import { refusal } from "../schemas.ts";

export interface Route {
  /** Who may ask; undefined for anybody. */
  readonly role: Role | undefined;
  readonly method: "get" | "put" | "patch" | "post" | "delete";
  /** With `{name}` for what is in its parameters. */
  readonly path: string;
  readonly summary: string;
  readonly request?: RouteConfig["request"];
  readonly responses: RouteConfig["responses"];
}

export type RequestContext = Context<ApiEnv>;

/** Serves a route and describes it. */
export function serve(app: Api, route: Route, handle: (c: RequestContext) => Response | Promise<Response>) {
  const { role, method, path, summary, request, responses } = route;
  app.openAPIRegistry.registerPath({
    ...{ method, path, summary, responses: { ...responses, ...refusals } },
    ...(request ? { request } : {}),
    ...(role === undefined ? { security: [] } : { description: `Role: ${role}.` }),
  });
  app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ":$1"), (c) => {
    if (role !== undefined) requireRole(c, role);
    return handle(c);
  });
}

/** @throws Refusal */
function requireRole(c: RequestContext, wanted: Role): void {
  const caller = c.get("caller");
  if (!caller) throw new Refusal(401, "token", "send Authorization: Bearer TOKEN");
  if (!includes(caller.role, wanted))
    throw new Refusal(403, "role", `this needs the role ${wanted}; yours is ${caller.role}`);
}

/** A part of the path, decoded; the route that is served has it. */
export function part(c: RequestContext, name: string): string {
  return c.req.param(name) ?? "";
}

/** What a schema makes of what was sent. @throws Refusal */
export function sent<Schema extends z.ZodType>(c: RequestContext, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(c.get("body") ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.join(".");
  throw new Refusal(400, "invalid", `${place ? `${place}: ` : ""}${issue?.message ?? "not valid here"}`);
}

/** An answer or a body that is JSON. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { content: { "application/json": { schema } }, description };
}

const refusals = {
  "4XX": json(refusal, "refused; nothing has changed"),
  "5XX": json(refusal, "failed; the old state serves on"),
};

export const tunnelParam = z.object({ tunnel: z.string() });
export const targetParam = tunnelParam.extend({
  target: z.string().openapi({ description: "its address, percent-encoded", example: "127.0.0.1:6379" }),
});
