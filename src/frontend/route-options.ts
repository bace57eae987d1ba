import { z } from "zod";
import { network, type SchemaContext } from "../core/scalars.ts";
import { canonicalServerPattern } from "../core/server-name.ts";
import { protocols } from "../core/session.ts";
import { serverTlsOptions } from "../tls/options.ts";

/** The `match` of a route: every condition that is there must hold. */
export function routeMatchOptions() {
  const oneOrMore = <Value extends z.ZodType<string>>(value: Value, description: string) =>
    z
      .union([value.transform((one) => [one]), z.array(value).min(1)])
      .optional()
      .meta({ description });
  return z
    .strictObject({
      serverName: oneOrMore(
        serverPattern(),
        "names that TLS clients ask for (SNI); *.example.com stands for one label",
      ),
      alpn: oneOrMore(
        z.string().min(1).max(255),
        "application protocols; it is enough that the client offers one of them",
      ),
      client: oneOrMore(network(), "networks that clients are in"),
      protocol: oneOrMore(
        z.enum([...protocols, "plain"]),
        "what clients speak, by their first bytes; other: none of those before it, plain: everything but tls",
      ),
    })
    .meta({ description: "which sessions take the route: all of it must fit; without it, every one" });
}

/** The `tls` of a route. */
export function routeTlsOptions(context: SchemaContext) {
  return z.union([z.literal("passthrough"), serverTlsOptions(context)]).meta({
    description:
      "passthrough: the target ends TLS, bytes are forwarded untouched; or an identity and rules of the route's own; default: those of the frontend",
  });
}

export type RouteMatchOptions = z.output<ReturnType<typeof routeMatchOptions>>;

function serverPattern() {
  return z.string().transform((text, check) => {
    const canonical = canonicalServerPattern(text);
    if (canonical !== undefined) return canonical;
    check.addIssue({
      code: "custom",
      message: `${JSON.stringify(text)} is neither a host name nor one behind "*.", which is all that a client can ask for`,
    });
    return z.NEVER;
  });
}
