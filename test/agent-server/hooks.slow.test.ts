/** The hooks in a real browser, in React's strict mode, against a real agent server. */
import { join } from "node:path";
import { type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { build } from "vite";
import { route } from "../../packages/server/src/agent-server/route.ts";
import { token } from "../../packages/server/src/agent-server/server.fixture.ts";
import {
  type Mailing,
  SENDS,
  freshToken,
  launchBrowser,
  mailingServer,
  watchedPage,
} from "../../packages/server/src/playground/playground.fixture.ts";

let browser: Browser;
let script: string;
let server: Mailing | undefined;
beforeAll(async () => {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    mode: "development",
    define: { "process.env.NODE_ENV": '"development"' },
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, "hooks.page.ts"), formats: ["iife"], name: "page" },
    },
  });
  const [output] = [result].flat();
  script =
    output && "output" in output
      ? output.output.map((part) => ("code" in part ? part.code : "")).join("\n")
      : "";
  browser = await launchBrowser();
}, 120_000);
afterAll(() => browser?.close());
afterEach(() => server?.stop());

async function open(
  tokens: readonly string[],
  play = SENDS,
): Promise<{ page: Page; complaints: string[]; posts: () => string[] }> {
  server = await mailingServer(play, {
    routes: () => [
      route({
        method: "GET",
        path: "/hooks",
        group: "Test",
        summary: "The page.",
        scope: "public",
        handler: async () =>
          new Response("<!doctype html><link rel=icon href=data:,><title>Hooks</title><div id=root></div>", {
            headers: { "Content-Type": "text/html", "Content-Security-Policy": "connect-src 'self'" },
          }),
      }),
    ],
  });
  const { page, complaints, requests } = await watchedPage(browser);
  await page.goto(`${server.url}/hooks`);
  await page.evaluate(`globalThis.tokens = ${JSON.stringify(tokens)};`);
  await page.evaluate(script);
  const posts = () =>
    requests
      .filter((request) => request.method() === "POST")
      .map((request) => new URL(request.url()).pathname);
  return { page, complaints, posts };
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Text").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

const items = (page: Page, id: string) => page.locator(`#${id} li`);

it("begins one run for one message, asks the person, and shows what it did", async () => {
  const { page, complaints, posts } = await open([await freshToken()]);
  await say(page, "Tell Bob");
  await items(page, "approvals").first().waitFor();
  expect(await items(page, "messages").allTextContents()).toEqual(["user: Tell Bob"]);
  expect(server?.sent).toEqual([]);
  await page.getByRole("button", { name: "Approve" }).click();
  await expect.poll(() => page.locator("#phase").textContent(), { timeout: 15_000 }).toBe("idle");
  expect(await items(page, "messages").allTextContents()).toEqual([
    "user: Tell Bob",
    "assistant: I have sent it to Bob.",
  ]);
  await expect.poll(() => page.locator("#followed").textContent()).toBe("succeeded: I have sent it to Bob.");
  await expect.poll(() => items(page, "history").allTextContents()).toEqual(["user 0", "assistant 1"]);
  await expect.poll(() => items(page, "threads").count()).toBe(1);
  expect(server?.sent).toHaveLength(1);
  expect(posts().filter((path) => path === "/v1/runs")).toHaveLength(1);
  expect(complaints).toEqual([]);
}, 60_000);

it("gets another token once for all hooks, and is stopped by its person [AF-F15]", async () => {
  const never = new Promise(() => undefined);
  const expired = await token({ userId: "ann", expires: Math.floor(Date.now() / 1000) - 60 });
  const { page } = await open([expired, await freshToken()], [{ text: "Begun", after: never }]);
  await expect.poll(() => page.evaluate("globalThis.refreshes")).toBe(1);
  await say(page, "Work");
  await expect.poll(() => page.locator("#followed").textContent()).toContain("running");
  await page.getByRole("button", { name: "Stop" }).click();
  await expect
    .poll(() => page.locator("#followed").textContent(), { timeout: 15_000 })
    .toContain("cancelled");
  await expect.poll(() => page.locator("#phase").textContent()).toBe("idle");
  expect(await page.evaluate("globalThis.refreshes")).toBe(1);
}, 60_000);
