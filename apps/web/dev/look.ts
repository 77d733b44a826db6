/**
 * Takes a picture of every screen in every state, at two widths and in two themes, and checks each with axe-core.
 * Usage: `node apps/web/dev/look.ts <folder> [name filter]`. The pictures are for eyes; axe's findings fail it.
 */
/* oxlint-disable no-console -- a program for the terminal */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Page, chromium } from "playwright-core";
import { type Mode, startMock } from "./mock.ts";

const folder = process.argv[2] ?? "/tmp/look";
const filter = process.argv[3] ?? "";
mkdirSync(folder, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Shot {
  name: string;
  path: string;
  mode: Mode;
  user: "alice" | "admin" | null;
  act?: (page: Page) => Promise<unknown>;
}

const both: Mode[] = ["full", "empty", "loading", "failed"];
const screens = [
  ["orders", "/orders", "alice"],
  ["order", "/orders/o0", "alice"],
  ["products", "/products", "alice"],
  ["product", "/products/p0", "alice"],
  ["approvals", "/approvals", "alice"],
  ["cases", "/cases", "admin"],
  ["devices", "/devices", "alice"],
  ["background", "/background", "alice"],
  ["memory", "/memory", "alice"],
  ["chat", "/chat/c1", "alice"],
] as const;

const all: Shot[] = [
  { name: "sign-in", path: "/sign-in", mode: "full", user: null },
  {
    name: "sign-in-failed",
    path: "/sign-in",
    mode: "failed",
    user: null,
    act: (page) => page.getByRole("button", { name: /Alice/ }).click(),
  },
  {
    name: "background-form",
    path: "/background",
    mode: "full",
    user: "alice",
    act: async (page) => {
      await page.getByRole("button", { name: "Let an agent work" }).click();
      await page.getByLabel("Cancel an order (asks you each time)").check();
    },
  },
  { name: "welcome", path: "/chat", mode: "full", user: "alice" },
  { name: "welcome-empty", path: "/chat", mode: "empty", user: "alice" },
  { name: "chat-link", path: "/chat?q=Show%20me%20everything", mode: "full", user: "alice" },
  {
    name: "chat-turn",
    path: "/chat",
    mode: "full",
    user: "alice",
    act: async (page) => {
      await page.getByTestId("suggestion").nth(1).click();
      await page.getByTestId("product-card").first().waitFor();
      await page.waitForTimeout(300);
    },
  },
  { name: "chat-case", path: "/chat/c1", mode: "full", user: "admin" },
  {
    name: "chat-send-failed",
    path: "/chat",
    mode: "failed",
    user: "alice",
    act: async (page) => {
      await page.getByTestId("composer").fill("Where is my order?");
      await page.keyboard.press("Enter");
      await page.getByText("was not answered").waitFor();
    },
  },
  { name: "approvals-decided", path: "/approvals?view=decided", mode: "full", user: "alice" },
  {
    name: "receipt",
    path: "/chat/c1?receipt=e3",
    mode: "full",
    user: "alice",
    act: (page) => page.locator("[data-testid=proof]").waitFor(),
  },
  { name: "receipt-failed", path: "/orders?receipt=e3", mode: "failed", user: "alice" },
  {
    name: "case-dialog",
    path: "/cases",
    mode: "full",
    user: "admin",
    act: (page) => page.getByRole("button", { name: "Open a case" }).click(),
  },
  {
    name: "menu",
    path: "/orders",
    mode: "full",
    user: "alice",
    act: (page) => page.getByTestId("account-menu").click(),
  },
  { name: "not-found", path: "/nowhere", mode: "full", user: "alice" },
  ...screens.flatMap(([name, path, user]) =>
    both.map((mode) => ({ name: `${name}-${mode}`, path, mode, user })),
  ),
];
const shots = all.filter((shot) => shot.name.includes(filter));

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
  ],
});
// Signing in and out changes a mock, so those screens have their own.
const mocks = new Map<string, ReturnType<typeof startMock>>();
function mockFor({ mode, user }: Shot): ReturnType<typeof startMock> {
  const key = `${mode} ${user}`;
  const mock = mocks.get(key) ?? startMock(mode, user);
  mocks.set(key, mock);
  return mock;
}

let findings = 0;
for (const shot of shots) {
  for (const [width, height] of [
    [1280, 840],
    [390, 844],
  ] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const mock = await mockFor(shot);
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme,
        reducedMotion: "reduce",
        bypassCSP: false,
        hasTouch: width < 600,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(8000);
      const label = `${shot.name}-${width}-${colorScheme}`;
      page.on("console", (message) => {
        if (message.type() === "error" && !/503|404/.test(message.text()))
          console.log(`${label}: console: ${message.text()}`);
      });
      page.on("pageerror", (error) => console.log(`${label}: page error: ${error.message}`));
      try {
        await page.goto(mock.url + shot.path);
        if (shot.mode === "loading") await page.waitForTimeout(800);
        else
          await page.waitForFunction(
            () =>
              document.querySelector("h1") !== null &&
              document.querySelector("[aria-busy=true], [data-testid=loading]") === null,
          );
        await shot.act?.(page);
        await page.waitForTimeout(150);
      } catch (error) {
        console.log(`${label}: ${String(error).split("\n")[0]}`);
        findings += 1;
      }
      await page.screenshot({ path: `${folder}/${label}.png` });
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      if (wide > 0) console.log(`${label}: ${wide}px wider than the window`);
      await page.evaluate(axe).catch(() => undefined);
      const result = (await page.evaluate(
        "axe.run({ exclude: '[data-radix-popper-content-wrapper]' }, { resultTypes: ['violations'] })",
      )) as {
        violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
      };
      for (const violation of result.violations) {
        findings += 1;
        console.log(
          `${label}: axe ${violation.impact} ${violation.id}: ${violation.nodes
            .slice(0, 3)
            .map(
              (node) =>
                `${node.html.slice(0, 140)} ${node.failureSummary.split("\n").slice(1, 2).join(" ").slice(0, 160)}`,
            )
            .join(" | ")}`,
        );
      }
      await context.close();
    }
  }
}
await browser.close();
for (const mock of mocks.values()) {
  (await mock).server.closeAllConnections();
  (await mock).server.close();
}
console.log(`${shots.length * 4} pictures in ${folder}; ${findings} findings`);
process.exitCode = findings > 0 ? 1 : 0;
