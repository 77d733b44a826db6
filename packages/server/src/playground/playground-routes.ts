/**
 * `GET /playground`: a page for trying the server's agents.
 *
 * Guarantees: one answer holds all of it, and its policy lets it run its own script, talk to its own origin and load nothing [AF-D26]; it
 * is framed by nobody. It holds no data: what it shows it asks the other routes for, as whoever gives it a token.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DeputizeError } from "@deputize/core";
import { type AgentRoute, route } from "../agent-server/route.ts";

function hashOf(page: string, element: "style" | "script"): string {
  const text = new RegExp(`<${element}[^>]*>([^]*?)</${element}>`).exec(page)?.[1];
  if (text === undefined)
    throw new DeputizeError("config_invalid", "the playground's page is broken; build it anew");
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** The page's one route. Throws `config_invalid` when the page is not whole. */
export function playgroundRoutes(): readonly AgentRoute[] {
  const page = readFileSync(new URL("./page.html", import.meta.url), "utf8");
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": [
      "default-src 'none'",
      `style-src ${hashOf(page, "style")}`,
      `script-src ${hashOf(page, "script")}`,
      "connect-src 'self'",
      // The empty icon, so that browsers ask for none.
      "img-src data:",
      "form-action 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  };
  return [
    route({
      method: "GET",
      path: "/playground",
      group: "This server",
      summary: "A page for trying the agents.",
      scope: "public",
      type: "text/html",
      handler: async () => new Response(page, { headers }),
    }),
  ];
}
