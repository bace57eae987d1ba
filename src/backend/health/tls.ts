import { z } from "zod";
import type { Probe } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";

/** The target works when it completes a full TLS handshake under the backend's own `tls`. */
export const tls = definePlugin({
  name: "tls",
  options: z.strictObject({}),
  create: (): Probe => ({
    async check(_, { connect }) {
      await connect({ tls: true });
    },
  }),
});
