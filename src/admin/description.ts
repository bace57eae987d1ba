import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "hono";

/** JSON Schema, or any other JSON object. */
export type JsonObject = { readonly [key: string]: unknown };

/** JSON Schemas of what requests hold: in the configuration's own words. */
export interface Blocks {
  readonly tunnel: JsonObject;
  readonly target: JsonObject;
  readonly config: JsonObject;
}

export interface DescriptionOptions {
  readonly version: string;
  /** Called once, when the description is first asked for. */
  readonly blocks: () => Blocks;
}

/** The OpenAPI 3.1 description of the routes; made when it is first asked for. */
export function describeApi<E extends Env>(
  app: OpenAPIHono<E>,
  { version, blocks }: DescriptionOptions,
): () => JsonObject {
  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  let made: JsonObject | undefined;
  return () => {
    made ??= withBlocks(
      app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "equilibria-tunnel admin API",
          version,
          description:
            "Asks and tells a running equilibria-tunnel. On the control socket no token is needed; on TCP every path but /healthz and /readyz wants one.",
        },
        security: [{ token: [] }],
      }) as unknown as JsonObject,
      blocks(),
    );
    return made;
  };
}

function withBlocks(document: JsonObject, blocks: Blocks): JsonObject {
  const components = document["components"] as JsonObject;
  const schemas = components["schemas"] as JsonObject;
  return {
    ...document,
    components: {
      ...components,
      schemas: {
        ...schemas,
        TunnelBlock: blocks.tunnel,
        TargetBlock: blocks.target,
        ConfigBlock: blocks.config,
      },
    },
  };
}
