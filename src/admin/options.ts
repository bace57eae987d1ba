import { z } from "zod";
import { filePath, listenAddress, name, type SchemaContext, unixMode } from "../core/scalars.ts";
import { serverTlsOptions } from "../tls/options.ts";
import { roles } from "./role.ts";

/** The `admin` block. */
export function adminOptions(context: SchemaContext) {
  return z
    .strictObject({
      socket: filePath(context)
        .refine((path) => Buffer.byteLength(path) <= 107, "a unix socket path has at most 107 bytes")
        .optional()
        .meta({
          description: "the control socket; its folder is made if it is missing, for its owner alone",
        }),
      mode: unixMode().meta({
        description: "permissions of the control socket; whoever can open it may do everything",
      }),
      http: adminHttpOptions(context).optional(),
      state: filePath(context).optional().meta({
        description:
          "where changes made while running are kept over restarts; never a file that you write yourself",
      }),
    })
    .superRefine(({ socket, http }, check) => {
      if (socket === undefined && http === undefined)
        check.addIssue({ code: "custom", message: 'give "socket", "http" or both' });
    }, besideOthers)
    .meta({ description: "how the running program is asked and told; without it there is no way to" });
}

/** The admin API on TCP. */
function adminHttpOptions(context: SchemaContext) {
  return z
    .strictObject({
      listen: listenAddress(context),
      tokens: z
        .array(
          z.strictObject({
            name: name().meta({ description: "stands in the log beside what was done with the token" }),
            file: filePath(context).meta({
              description: "holds the token, 128 random bits or more, and is readable by its owner alone",
            }),
            role: z.enum(roles).meta({ description: roleText }),
          }),
        )
        .min(1)
        .optional()
        .superRefine(rejectTwins, { when: ({ value }) => Array.isArray(value) })
        .meta({ description: "who may ask: a request has Authorization: Bearer TOKEN" }),
      role: z.enum(roles).optional().meta({
        description:
          "what a request without a token may do; only with tls.client.verify: required, where a certificate speaks for it",
      }),
      tls: serverTlsOptions(context).optional(),
      hosts: z.array(z.string().min(1).max(255)).optional().meta({
        description:
          "names that a request may have as its Host, beside IP addresses and localhost, so that no foreign page gets in by a name of its own",
      }),
      origins: z
        .array(
          z.string().regex(/^https?:\/\/[^/\s]+$/, "an origin is https://NAME or https://NAME:PORT, no path"),
        )
        .optional()
        .meta({ description: "web pages elsewhere that may ask; by default none" }),
    })
    .superRefine(({ tokens, role, tls }, check) => {
      const isCertain = tls?.client?.verify === "required";
      if (role !== undefined && !isCertain)
        check.addIssue({
          code: "custom",
          path: ["role"],
          message: "without tls.client.verify: required anybody would have this role",
        });
      else if (tokens === undefined && role === undefined)
        check.addIssue({
          code: "custom",
          message: 'needs "tokens", or "role" together with tls.client.verify: required',
        });
    }, besideOthers)
    .meta({ description: "the admin API on TCP" });
}

const roleText = "read: look; operate: also targets, sessions, reload and log level; admin: everything";

/** These checks run whatever else is wrong in the block, so that every error is reported in one run. */
const besideOthers = {
  when: ({ value }: { readonly value: unknown }) => typeof value === "object" && value !== null,
};

function rejectTwins(tokens: readonly { readonly name?: unknown }[] | undefined, check: z.RefinementCtx) {
  for (const [index, token] of (tokens ?? []).entries())
    if (tokens?.findIndex((other) => other?.name === token?.name) !== index)
      check.addIssue({
        code: "custom",
        path: [index, "name"],
        message: `another token is called ${token.name}`,
      });
}

export type AdminOptions = z.output<ReturnType<typeof adminOptions>>;
export type AdminHttpOptions = NonNullable<AdminOptions["http"]>;
