import { z } from "@hono/zod-openapi";
import type { Control } from "../../core/control.ts";
import { reasonOf } from "../../core/outcome.ts";
import { callerText } from "../access.ts";
import type { Api } from "../api.ts";
import { Refusal } from "../refusal.ts";
import * as schemas from "../schemas.ts";
import { json, part, sent, serve, targetParam } from "./route.ts";

/** What operators do that changes no configuration. */
export function addOperations(app: Api, control: Control): void {
  addTargetsAndSessions(app, control);
  addLog(app, control);
  serve(
    app,
    {
      ...{ role: "admin", method: "post", path: "/api/v1/drain", summary: "End once the sessions are over" },
      request: { body: { ...json(schemas.drainRequest, "for how long"), required: false } },
      responses: { 202: { description: "begun" } },
    },
    (c) => {
      const { deadlineMs } = sent(c, schemas.drainRequest);
      // with nothing open the program is gone at once, and the answer with it
      c.env.answered(() => void control.drain(deadlineMs));
      return c.body(null, 202);
    },
  );
  serve(
    app,
    {
      ...{ role: "admin", method: "post", path: "/api/v1/upgrade" },
      summary: "Start the program anew on the same sockets, and drain this one",
      responses: { 200: json(z.object({ pid: z.int() }), "the new process") },
    },
    async (c) => {
      try {
        return c.json({ pid: await control.upgrade() });
      } catch (error) {
        throw new Refusal(500, "failed", reasonOf(error));
      }
    },
  );
  serve(
    app,
    {
      ...{ role: "admin", method: "post", path: "/api/v1/stop", summary: "End now" },
      responses: { 202: { description: "begun" } },
    },
    (c) => {
      c.env.answered(() => void control.stop());
      return c.body(null, 202);
    },
  );
}

function addTargetsAndSessions(app: Api, control: Control): void {
  serve(
    app,
    {
      ...{ role: "operate", method: "post", path: "/api/v1/tunnels/{tunnel}/targets/{target}" },
      summary: "Drain, disable, enable or weigh a target",
      request: { params: targetParam, body: json(schemas.targetChange, "what changes") },
      responses: { 200: json(schemas.targetStatus, "the target as it is now") },
    },
    async (c) => {
      const place = { tunnel: part(c, "tunnel"), key: part(c, "target") };
      const change = sent(c, schemas.targetChange);
      if (change.admin === undefined && change.weight === undefined)
        throw new Refusal(400, "invalid", 'give "admin", "weight" or both');
      const status = await control.setTarget(place, change, { by: callerText(c.get("caller")) });
      if (!status)
        throw new Refusal(
          404,
          "unknown",
          `there is no target ${JSON.stringify(place.key)} of a tunnel ${JSON.stringify(place.tunnel)}`,
        );
      return c.json(status);
    },
  );
  serve(
    app,
    {
      ...{ role: "operate", method: "delete", path: "/api/v1/sessions/{id}", summary: "End a session" },
      request: { params: z.object({ id: z.string() }) },
      responses: { 204: { description: "ended" } },
    },
    async (c) => {
      const id = part(c, "id");
      if (!(await control.killSession(id)))
        throw new Refusal(404, "unknown", `there is no session ${JSON.stringify(id)}`);
      return c.body(null, 204);
    },
  );
}

function addLog(app: Api, control: Control): void {
  const path = "/api/v1/log";
  const responses = { 200: json(schemas.logLevel, "the level in force") };
  serve(app, { role: "read", method: "get", path, summary: "The log's level", responses }, async (c) =>
    c.json({ level: await control.logLevel() }),
  );
  serve(
    app,
    {
      ...{ role: "operate", method: "put", path, summary: "Set the log's level" },
      request: { body: json(schemas.logLevel, "the level, and for how long") },
      responses,
    },
    async (c) => {
      const { level, forMs } = sent(c, schemas.logLevel);
      await control.setLogLevel(level, forMs);
      return c.json({ level: await control.logLevel() });
    },
  );
}
