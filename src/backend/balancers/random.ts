import { z } from "zod";
import type { Balancer } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import { draw } from "./draw.ts";

/** Any target, with a chance proportional to its weight. */
export const random = definePlugin({
  name: "random",
  options: z.strictObject({}),
  create: (): Balancer => ({ pick: (candidates) => draw(candidates) }),
});
