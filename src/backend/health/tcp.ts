import { z } from "zod";
import type { Probe } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";

/** The target works when it accepts a connection. */
export const tcp = definePlugin({
  name: "tcp",
  options: z.strictObject({}),
  create: (): Probe => ({
    async check(_, { connect }) {
      await connect({ tls: false });
    },
  }),
});
