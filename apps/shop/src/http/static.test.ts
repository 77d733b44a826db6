import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problemHandler } from "@deputize/client";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pagePolicy, securityHeaders, staticFiles } from "./static.ts";

let folder: string;
let app: Hono;
const page = { headers: { Accept: "text/html" } };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "page-"));
  mkdirSync(join(folder, "web/assets"), { recursive: true });
  writeFileSync(join(folder, "secret.txt"), "secret");
  writeFileSync(
    join(folder, "web/index.html"),
    "<!doctype html><script>theme()</script><script src='/assets/a.js'></script>",
  );
  writeFileSync(join(folder, "web/assets/a-1234.js"), `export const x = "${"y".repeat(5000)}";`);
  app = new Hono();
  problemHandler(app);
  app.use(securityHeaders("https://shop.test"), staticFiles(join(folder, "web")));
  app.get("/api/orders", (c) => c.json({}));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the page's files", () => {
  it("serves the page at its own addresses, and never in place of the API", async () => {
    for (const path of ["/", "/chat", "/orders/1"]) {
      const response = await app.request(path, page);
      expect(response.status, path).toBe(200);
      expect(await response.text()).toContain("theme()");
    }
    for (const path of ["/api/nothing", "/mcp/orders", "/oauth/x", "/agents/x/y"]) {
      const response = await app.request(path, page);
      expect(response.status, path).toBe(404);
      expect(response.headers.get("content-type")).toContain("problem+json");
    }
  });

  it("knows a wrong method from an unknown path", async () => {
    expect((await app.request("/api/orders", { method: "POST" })).status).toBe(405);
    expect((await app.request("/nothing", { method: "POST" })).status).toBe(404);
  });

  it("never leaves its folder", async () => {
    for (const path of [
      "/../secret.txt",
      "/%2e%2e/secret.txt",
      "/..%2fsecret.txt",
      "/assets/../../secret.txt",
    ]) {
      const response = await app.request(`http://shop.test${path}`);
      expect(await response.text(), path).not.toBe("secret");
    }
  });

  it("allows inline scripts by hash only, and nobody to frame it [SH-D10]", async () => {
    const response = await app.request("/", page);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/=]+';/);
    expect(policy).not.toContain("unsafe-inline");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.get("strict-transport-security")).toContain("max-age");
    expect(pagePolicy("<p>no script</p>")).toContain("script-src 'self';");
  });

  it("keeps digest-named files for ever, compresses them, and knows them again", async () => {
    const first = await app.request("/assets/a-1234.js", { headers: { "Accept-Encoding": "gzip, br" } });
    expect(first.headers.get("cache-control")).toContain("immutable");
    expect(first.headers.get("content-encoding")).toBe("br");
    const again = await app.request("/assets/a-1234.js", {
      headers: { "If-None-Match": first.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
    expect((await app.request("/", page)).headers.get("cache-control")).toBe("no-cache");
  });

  it("says how to build the page when it is not there", async () => {
    const empty = new Hono().use(staticFiles(join(folder, "nowhere")));
    expect(await (await empty.request("/", page)).text()).toContain("npm run build:web");
  });
});
