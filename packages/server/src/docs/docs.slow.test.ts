/** `/docs` in a browser: routes are tried from it, and what one types stays in the page. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { type Browser, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { DOCS_ROUTES, docsRoutes } from "./docs-routes.ts";

const TOKEN = "a-token-of-somebody";
const Body = z.strictObject({ city: z.string() });

let server: Server;
let browser: Browser;
let url: string;
const seen: { authorization: string | undefined; cookie: string | undefined; path: string; body: string }[] =
  [];

beforeAll(async () => {
  const app = new Hono();
  app.post("/data/:kind", async (c) => {
    const { authorization, cookie } = c.req.header();
    const { pathname, search } = new URL(c.req.url);
    seen.push({
      authorization,
      cookie,
      path: pathname + search,
      body: await c.req.text(),
    });
    return c.json({ said: "<b>fine</b>" }, 201);
  });
  app.route(
    "/",
    docsRoutes({
      title: "Weather",
      version: "1",
      publicUrl: "http://localhost",
      routes: [
        {
          method: "POST",
          path: "/data/{kind}",
          group: "Data",
          summary: "Weather.",
          access: "signed in",
          query: { unit: "c or f" },
          body: Body,
        },
        ...DOCS_ROUTES,
      ],
    }),
  );
  server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch({
    executablePath: process.env["DEPUTIZE_TEST_CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function send(page: Page): Promise<string> {
  const article = page.locator("article", { hasText: "/data/{kind}" });
  if (!(await article.locator("textarea").isVisible())) await article.locator("summary").click();
  await article.locator("[name=kind]").fill("a/b ?");
  await article.locator("[name=unit]").fill("c&x=1");
  await article.locator("textarea").fill('{"city":"Bern"}');
  await article.getByRole("button", { name: "Send" }).click();
  await page.waitForFunction(`/^\\d{3} /.test(document.querySelector("output")?.textContent ?? "")`);
  return (await article.locator("output").textContent()) ?? "";
}

describe("/docs in a browser", () => {
  it("tries a route with what was typed, encoded, and shows the answer as text", async () => {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(`${url}/docs`);
    const shown = await send(page);
    expect(shown).toMatch(/^201 .*application\/json/);
    expect(shown).toContain("<b>fine</b>");
    expect(seen.at(-1)).toMatchObject({ path: "/data/a%2Fb%20%3F?unit=c%26x%3D1", body: '{"city":"Bern"}' });
    expect(faults).toEqual([]);
    await page.close();
  });

  it("sends one credential, and keeps the token nowhere", async () => {
    const page = await browser.newPage();
    await page.context().addCookies([{ name: "deputize_session", value: "theirs", url }]);
    await page.goto(`${url}/docs`);
    await send(page);
    expect(seen.at(-1)).toMatchObject({ authorization: undefined, cookie: "deputize_session=theirs" });
    await page.locator("[data-key=token]").fill(TOKEN);
    await send(page);
    expect(seen.at(-1)).toMatchObject({ authorization: `Bearer ${TOKEN}`, cookie: undefined });
    expect(await page.evaluate("localStorage.length + sessionStorage.length")).toBe(0);
    expect(page.url()).not.toContain(TOKEN);
    await page.reload();
    expect(await page.locator("[data-key=token]").inputValue()).toBe("");
    await page.close();
  });

  it("fits a phone, and reads whole without a script", async () => {
    const context = await browser.newContext({
      javaScriptEnabled: false,
      viewport: { width: 360, height: 700 },
    });
    const page = await context.newPage();
    await page.goto(`${url}/docs`);
    expect(await page.locator("form:visible").count()).toBe(0);
    expect(await page.locator("article").first().textContent()).toContain("/data/{kind}");
    await context.close();
    const phone = await browser.newPage({ viewport: { width: 360, height: 700 } });
    await phone.goto(`${url}/docs`);
    await send(phone);
    expect(await phone.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await phone.close();
  });
});
