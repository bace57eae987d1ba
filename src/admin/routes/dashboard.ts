import { z } from "@hono/zod-openapi";
import type { Api } from "../api.ts";
import { loadPage } from "../page.ts";
import { roles } from "../role.ts";
import { json, serve } from "./route.ts";

/** Where the page is; it tells nothing by itself, so that anybody may have it. */
export const pagePaths = ["/", "/dashboard"] as const;

const caller = z.object({ peer: z.string(), name: z.string().optional(), role: z.enum(roles) });

/** The web page, and what it has to know of whoever looks at it. */
export function addDashboard(app: Api): void {
  for (const path of pagePaths)
    app.get(path, async (c) => {
      const { html, policy } = await loadPage();
      return c.html(html, 200, { "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer" });
    });
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/whoami", summary: "Who asks, as the server knows it" },
      responses: { 200: json(caller, "the token's or the certificate's name, and its role") },
    },
    (c) => c.json(c.get("caller")),
  );
}
