import type { Readable } from "node:stream";
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Control } from "../core/control.ts";
import type { AdminWrite } from "../core/events.ts";
import type { Asking, Caller, Connection, Entrance } from "./access.ts";
import { type Blocks, describeApi } from "./description.ts";
import { Refusal, type RefusalBody } from "./refusal.ts";
import { readJson, readText } from "./request-body.ts";
import { addChanges } from "./routes/changes.ts";
import { addDashboard, pagePaths } from "./routes/dashboard.ts";
import { addEvents } from "./routes/events.ts";
import { addOperations } from "./routes/operations.ts";
import { addProbes } from "./routes/probes.ts";
import { addReading } from "./routes/reading.ts";

/** What a request brings along. */
export interface ApiEnv {
  readonly Bindings: {
    readonly entrance: Entrance;
    readonly connection: Connection;
    /** The request's body. */
    readonly incoming: Readable;
    /** Called once the answer is out, or nobody waits for it any more. */
    readonly answered: (act: () => void) => void;
  };
  readonly Variables: {
    /** Undefined where anybody may ask. */
    caller: Caller | undefined;
    /** What was sent, read and free of forbidden keys. */
    body: unknown;
  };
}

export type Api = OpenAPIHono<ApiEnv>;

export interface ApiSetup {
  readonly control: Control;
  readonly version: string;
  /** Called once for every request that could have changed something. */
  readonly audit: (write: AdminWrite) => void;
  /** JSON Schemas of the blocks that a request holds. */
  readonly blocks: () => Blocks;
}

/** Nothing to be learnt here, and load balancers ask without a token. */
const openPaths: ReadonlySet<string> = new Set(["/healthz", "/readyz", ...pagePaths]);

/** The admin API: HTTP to `Control`. */
export function createApi({ control, version, audit, blocks }: ApiSetup): Api {
  const app: Api = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      throw new Refusal(400, "invalid", `${issue?.path.join(".") || "the body"}: ${issue?.message}`);
    },
  });
  app.use(async (c, next) => {
    await next();
    c.header("Cache-Control", "no-store", { append: false });
    c.header("X-Content-Type-Options", "nosniff");
  });
  app.use(async (c, next) => {
    const { method, path } = c.req;
    const asking: Asking = {
      host: c.req.header("host"),
      origin: c.req.header("origin"),
      authorization: c.req.header("authorization"),
    };
    const { entrance, connection } = c.env;
    const writes = method !== "GET" && method !== "HEAD";
    let caller: Caller | undefined;
    try {
      entrance.admit(asking, connection);
      if (!openPaths.has(path)) caller = entrance.identify(asking, connection);
      c.set("caller", caller);
      await next();
    } finally {
      if (writes)
        audit({
          peer: connection.peer,
          name: caller?.name,
          role: caller?.role,
          method,
          path: path.slice(0, 200),
          status: c.error instanceof Refusal ? c.error.status : c.res.status,
        });
    }
  });
  app.use(async (c, next) => {
    const { method } = c.req;
    if (method === "PUT" || method === "PATCH" || method === "POST") {
      const text = await readText(c.env.incoming);
      if (text !== "" || method !== "POST") c.set("body", readJson(c.req.header("content-type"), text));
    }
    await next();
  });
  app.onError((error, c) => {
    const refusal =
      error instanceof Refusal ? error : new Refusal(500, "failed", `the request failed: ${error.message}`);
    const { status, kind, message } = refusal;
    if (status === 401) c.header("WWW-Authenticate", "Bearer");
    // what is left of the body is not read
    if (status === 413) c.header("Connection", "close");
    const body: RefusalBody = { ok: false, kind, message };
    return c.json(body, status);
  });
  app.notFound((c) => {
    const body: RefusalBody = {
      ok: false,
      kind: "unknown",
      message: `there is no ${c.req.method} ${c.req.path.slice(0, 200)}`,
    };
    return c.json(body, 404);
  });
  addReading(app, control);
  addChanges(app, control);
  addOperations(app, control);
  addEvents(app, control);
  addProbes(app, control);
  addDashboard(app);
  const description = describeApi(app, { version, blocks });
  app.get("/api/openapi.json", (c) => c.json(description()));
  return app;
}
