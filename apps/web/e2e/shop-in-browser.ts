/**
 * For tests in a real browser against the real shop: embedded database, offline planner, built page, strict content security policy.
 * The shop keeps its folder and port when it is restarted, as a person's would.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StartedShop, startShop } from "@deputize/shop";
import { readSettings } from "@deputize/server/config";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { buildWeb } from "../../../scripts/build-web.ts";

/** As long as the browser's own waits: a poll gives up after a second unless told. */
export const PATIENTLY = { timeout: 20_000 };

export interface ShopInBrowser {
  /** The one that runs now. */
  readonly shop: StartedShop;
  restart(): Promise<void>;
  /** A page of the present context; a new one after each test. */
  open(path: string, width?: number): Promise<Page>;
  signInAs(name: RegExp, path?: string, width?: number): Promise<Page>;
  /** What comes next is another person at another browser. */
  forgetBrowser(): Promise<void>;
  /** Reads the API as the signed-in person, by their cookie. */
  read<T>(page: Page, path: string): Promise<T>;
}

/** Call at the top of a test file. What the browser complained of, a policy violation or a script error, fails the test. */
export function shopInBrowser(): ShopInBrowser {
  const folder = mkdtempSync(join(tmpdir(), "deputize-e2e-"));
  let shop: StartedShop;
  let browser: Browser;
  let webRoot: string;
  let context: BrowserContext | undefined;
  let complaints: string[] = [];

  async function start(port: number): Promise<void> {
    const settings = readSettings({ LOG_LEVEL: "error" }, { port, dataDir: folder });
    shop = await startShop({ settings, env: {}, webRoot });
  }

  beforeAll(async () => {
    webRoot = (await buildWeb()).dist;
    await start(0);
    browser = await chromium.launch({
      executablePath: process.env["DEPUTIZE_TEST_CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
      ],
    });
  }, 480_000);

  afterAll(async () => {
    await browser?.close();
    await shop?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    await context?.close();
    context = undefined;
    const heard = complaints;
    complaints = [];
    expect(heard).toEqual([]);
  });

  async function open(path: string, width = 1280): Promise<Page> {
    context ??= await browser.newContext({ viewport: { width, height: 844 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => complaints.push(`script error: ${error.message}`));
    page.on("console", (message) => {
      // A refused request is the subject of some tests; the browser logs each as an error.
      if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
        complaints.push(message.text());
    });
    await page.goto(shop.url + path);
    return page;
  }

  async function signInAs(name: RegExp, path = "/chat", width = 1280): Promise<Page> {
    const page = await open(`/sign-in?return=${encodeURIComponent(path)}`, width);
    await page.getByRole("group", { name: "Demo accounts" }).getByRole("button", { name }).click();
    await page.waitForURL((url) => url.pathname !== "/sign-in");
    return page;
  }

  return {
    get shop() {
      return shop;
    },
    async restart() {
      const { port } = shop;
      await shop.close();
      await start(port);
    },
    open,
    signInAs,
    async forgetBrowser() {
      await context?.close();
      context = undefined;
    },
    async read<T>(page: Page, path: string): Promise<T> {
      const response = await page.request.get(shop.url + path);
      expect(response.status()).toBe(200);
      return (await response.json()) as T;
    },
  };
}
