/** The playground in a real browser, against a real agent server. */
import { readFileSync } from "node:fs";
import axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  type Mailing,
  type Watched,
  freshToken,
  launchBrowser,
  mailingServer,
  watchedPage,
} from "./playground.fixture.ts";
import { buildPlayground } from "../../../../scripts/build-playground.ts";

let browser: Browser;
let server: Mailing;
let watched: Watched | undefined;
beforeAll(async () => {
  browser = await launchBrowser();
}, 60_000);
afterAll(() => browser?.close());
afterEach(async () => {
  await watched?.page.context().close();
  await server?.stop();
});

async function open(how: { width?: number; dark?: boolean } = {}): Promise<Watched> {
  server = await mailingServer();
  watched = await watchedPage(browser, how);
  await watched.page.goto(`${server.url}/playground`);
  return watched;
}

async function signIn({ page }: Watched, bearer: string): Promise<void> {
  await page.getByLabel("Access token").fill(bearer);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Message").waitFor();
}

async function say({ page }: Watched, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

/** What axe finds on the page, by rule and place. */
async function faults({ page }: Watched): Promise<string[]> {
  // The page's policy lets no script in; the debugger's way is not the page's.
  const found = (await page.evaluate(`${axe.source}; axe.run()`)) as {
    violations: { id: string; nodes: { target: string[] }[] }[];
  };
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join()).join(" ")}`,
  );
}

it("talks to its own origin alone, and keeps the token nowhere [AF-D26]", async () => {
  const all = await open();
  const { page, requests, complaints } = all;
  const bearer = await freshToken();
  await signIn(all, bearer);
  await say(all, "Tell Bob");
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("I have sent it to Bob.").waitFor();
  for (const view of ["Trace", "Tools", "Approvals", "Chat"]) {
    await page.getByRole("navigation", { name: "Views" }).getByRole("button", { name: view }).click();
    await page.waitForTimeout(300);
  }
  expect(requests.filter((request) => new URL(request.url()).origin !== server.url)).toEqual([]);
  expect(requests.length).toBeGreaterThan(8);
  for (const request of requests) expect(request.url()).not.toContain(bearer);
  const kept = await page.evaluate(
    "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, document.documentElement.outerHTML])",
  );
  expect(kept).not.toContain(bearer);
  await page.reload();
  await page.getByLabel("Access token").waitFor();
  expect(complaints).toEqual([]);
  expect(server.sent).toHaveLength(1);
}, 60_000);

it("lets nothing of elsewhere in: neither by its policy, nor in a frame", async () => {
  const { page } = await open();
  const answer = await server.ask("/playground");
  const policy = answer.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  const got = await page.evaluate(`Promise.all([
    fetch("http://127.0.0.1:9/").then(() => "sent", () => "refused"),
    new Promise((r) => { const s = document.createElement("script"); s.textContent = "globalThis.ran = 1"; document.head.append(s); r(String(globalThis.ran)); }),
    new Promise((r) => { const i = new Image(); i.onerror = () => r("refused"); i.onload = () => r("loaded"); i.src = "/x.png"; }),
  ])`);
  expect(got).toEqual(["refused", "undefined", "refused"]);
}, 60_000);

it.each([
  [1280, false],
  [390, true],
])(
  "is whole, and fit for everybody, %i wide (dark: %s)",
  async (width, dark) => {
    const all = await open({ width, dark });
    const { page } = all;
    await page.getByLabel("Access token").waitFor();
    expect(await faults(all)).toEqual([]);
    await signIn(all, await freshToken());
    await say(all, "Tell Bob");
    await page.getByRole("button", { name: "Approve" }).waitFor();
    for (const view of ["Chat", "Trace", "Tools", "Approvals"]) {
      await page.getByRole("navigation", { name: "Views" }).getByRole("button", { name: view }).click();
      await page.waitForTimeout(500);
      expect([view, await faults(all)]).toEqual([view, []]);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    }
    await page.getByRole("button", { name: "Refuse" }).click();
    await page.getByText("Nothing waits for you.").waitFor();
    expect(server.sent).toEqual([]);
  },
  60_000,
);

it("finds the run that goes on when its thread is opened again, and shows no markup of anybody's", async () => {
  const all = await open();
  const { page } = all;
  await signIn(all, await freshToken());
  await say(all, "<img src=x onerror=alert(1)><b>bold</b>");
  await page.getByRole("button", { name: "Approve" }).waitFor();
  expect(await page.locator(".log b, .log img").count()).toBe(0);
  await page.getByRole("button", { name: "New thread" }).click();
  await page.getByText("Nothing was said yet.").waitFor();
  await page.locator("button.thread").first().click();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("I have sent it to Bob.").waitFor();
  expect(server.sent).toHaveLength(1);
}, 60_000);

it("says why a token is not good, and asks again", async () => {
  const { page } = await open();
  await page.getByLabel("Access token").fill("not.a.token");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("INVALID_TOKEN").waitFor();
  await page.getByLabel("Access token").waitFor();
}, 60_000);

it("is the page that its sources make", async () => {
  const page = readFileSync(new URL("./page.html", import.meta.url), "utf8");
  expect(page === (await buildPlayground())).toBe(true);
  server = await mailingServer();
}, 60_000);
