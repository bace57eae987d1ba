import { z } from "@hono/zod-openapi";
import type { Control } from "../../core/control.ts";
import type { TargetStatus, TunnelStatus } from "../../core/status.ts";
import type { Api } from "../api.ts";
import { Refusal } from "../refusal.ts";
import * as schemas from "../schemas.ts";
import { json, part, serve, targetParam, tunnelParam } from "./route.ts";

/** What only looks. */
export function addReading(app: Api, control: Control): void {
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/status", summary: "The program as a whole" },
      responses: { 200: json(schemas.status, "with its workers and tunnels") },
    },
    async (c) => c.json(await control.status()),
  );
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/tunnels", summary: "Every tunnel" },
      responses: { 200: json(z.array(schemas.tunnelStatus), "in the order of the configuration") },
    },
    async (c) => c.json((await control.status()).tunnels),
  );
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/tunnels/{tunnel}", summary: "One tunnel" },
      request: { params: tunnelParam },
      responses: { 200: json(schemas.tunnelStatus, "with its targets") },
    },
    async (c) => c.json(await findTunnel(control, part(c, "tunnel"))),
  );
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/tunnels/{tunnel}/targets", summary: "Its targets" },
      request: { params: tunnelParam },
      responses: { 200: json(z.array(schemas.targetStatus), "those that were discovered among them") },
    },
    async (c) => c.json((await findTunnel(control, part(c, "tunnel"))).targets),
  );
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/tunnels/{tunnel}/targets/{target}" },
      summary: "One target",
      request: { params: targetParam },
      responses: { 200: json(schemas.targetStatus, "with its counters") },
    },
    async (c) => c.json(findTarget(await findTunnel(control, part(c, "tunnel")), part(c, "target"))),
  );
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/sessions", summary: "Sessions under way" },
      request: { query: z.object({ tunnel: z.string().optional() }) },
      responses: { 200: json(z.array(schemas.session), "of one tunnel, or of all") },
    },
    async (c) => {
      const tunnel = c.req.query("tunnel");
      const sessions = await control.sessions();
      return c.json(tunnel === undefined ? sessions : sessions.filter((one) => one.tunnel === tunnel));
    },
  );
}

/** @throws Refusal */
async function findTunnel(control: Control, name: string): Promise<TunnelStatus> {
  const { tunnels } = await control.status();
  const found = tunnels.find((tunnel) => tunnel.name === name);
  if (!found) throw new Refusal(404, "unknown", `there is no tunnel ${JSON.stringify(name)}`);
  return found;
}

/** @throws Refusal */
function findTarget(tunnel: TunnelStatus, key: string): TargetStatus {
  const found = tunnel.targets.find((target) => target.key === key);
  if (!found) throw new Refusal(404, "unknown", `tunnel ${tunnel.name} has no target ${JSON.stringify(key)}`);
  return found;
}
