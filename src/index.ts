/** What other programs and users' modules import from "equilibria-tunnel". */
export { z } from "zod";
export type { Address } from "./core/address.ts";
export type { Balancer, Target, TargetAdmin, TargetHealth, TargetSpec } from "./core/backend.ts";
export { definePlugin, type Plugin } from "./core/plugin.ts";
export type { Session } from "./core/session.ts";
