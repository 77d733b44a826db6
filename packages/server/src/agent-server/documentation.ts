/** `/openapi.json` and `/docs`, made from the routes that are served. */
import type { RouteDoc } from "@deputize/client";
import type { Hono } from "hono";
import manifest from "../../package.json" with { type: "json" };
import { DOCS_ROUTES, docsRoutes } from "../docs/index.ts";
import type { AgentRoute } from "./route.ts";

/** The routes as the documentation has them. */
export function documentedRoutes(routes: readonly AgentRoute[], hasAuth: boolean): readonly RouteDoc[] {
  return [
    ...routes.map(({ method, path, group, summary, scope, query, body, answer, status, type }): RouteDoc => ({
      method,
      path,
      group,
      summary,
      access: scope === "public" || !hasAuth ? "public" : "signed in",
      ...(scope !== "public" && hasAuth && { scope }),
      ...(query && { query }),
      ...(body && { body }),
      ...(answer && { answer }),
      ...(status !== undefined && { status }),
      ...(type !== undefined && { type }),
    })),
    ...DOCS_ROUTES,
  ];
}

export function serverDocs(
  routes: readonly RouteDoc[],
  { title = "Agent server", publicUrl }: { readonly title: string | undefined; readonly publicUrl: string },
): Hono {
  return docsRoutes({ routes, title, publicUrl, version: manifest.version });
}
