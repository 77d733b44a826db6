/**
 * `GET /docs` for people, `GET /openapi.json` for machines, from one table of routes.
 *
 * Guarantees: the page runs its own script and no other, talks to its own origin only, and is framed by nobody (its policy
 * names style and script by hash). Does not: check credentials; the routes that are tried do.
 */
import { createHash } from "node:crypto";
import type { RouteDoc } from "@deputize/client";
import { Hono } from "hono";
import { openapiDocument } from "./openapi.ts";
import { type PageOptions, docsPage } from "./page.ts";
import { SCRIPT, STYLE } from "./style.ts";

/** The two routes themselves, for the table. */
export const DOCS_ROUTES: readonly RouteDoc[] = [
  {
    method: "GET",
    path: "/docs",
    group: "This server",
    summary: "This page.",
    access: "public",
    type: "text/html",
  },
  {
    method: "GET",
    path: "/openapi.json",
    group: "This server",
    summary: "The same for machines: OpenAPI 3.1.",
    access: "public",
  },
];

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

const POLICY = [
  "default-src 'none'",
  `style-src ${hash(STYLE)}`,
  `script-src ${hash(SCRIPT)}`,
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Routes to mount at the root. Throws `config_invalid` when a route stands twice in the table. */
export function docsRoutes(options: PageOptions): Hono {
  const html = docsPage(options);
  const document = openapiDocument(options.routes, options);
  return new Hono()
    .get("/docs", (c) =>
      c.html(html, 200, {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
      }),
    )
    .get("/openapi.json", (c) => c.json(document));
}
