import { z } from "zod";
import { type BackendContext, backendOptions } from "../backend/options.ts";
import { name } from "../core/scalars.ts";

/** A tunnel's `backend`: one in place, or the name of a shared one. */
export function tunnelBackend(context: BackendContext) {
  return z.union([backendName(), backendOptions(context)]).meta({
    description: "where sessions go: an address, a list of targets, a block, or a name of backends",
  });
}

/**
 * The first alternative of its union. What looks like an address is left to the others (`elsewhere`);
 * everything else is meant as a name, and told so when it is none.
 */
function backendName() {
  return z
    .string()
    .refine((text) => !looksLikeAddress(text), { abort: true, params: { elsewhere: true } })
    .refine((text) => name().safeParse(text).success, {
      error: ({ input }) =>
        `${JSON.stringify(input)} is neither an address, which has a port (host:port), nor a name of "backends"`,
    })
    .meta({ title: "name", pattern: "^[a-z0-9][a-z0-9._-]*$", description: "the name of a shared backend" });
}

function looksLikeAddress(text: string): boolean {
  return text.includes(":") || /^\d+$/.test(text);
}
