/** The verifier in a real browser, with a worker's token of the real authority. */
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundlePortable } from "../../packages/client/src/testing/bundle-portable.ts";
import { type TestBroker, openTestBroker } from "../../packages/server/src/authority-server/testing.ts";

let broker: TestBroker;
let browser: Browser;
beforeAll(async () => {
  broker = await openTestBroker();
  browser = await chromium.launch({
    executablePath: process.env["DEPUTIZE_TEST_CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await broker?.[Symbol.asyncDispose]();
});

it("verifies offline in Chromium, refuses a forgery, and sees a release within a second [AW-F35]", async () => {
  const app = await broker.newApp(["read:data:*"]);
  const lead = await app.createAgent({ orchestration: "web", task: "lead", scope: ["read:data:*"] });
  await using helper = await app.createAgent({
    orchestration: "web",
    task: "helper",
    scope: ["read:data:1"],
  });
  const handed = await lead.delegate(helper, "read:data:7");
  const [head, body, tail = ""] = handed.accessToken.split(".");
  const forged = `${head}.${body}.${tail.startsWith("A") ? "B" : "A"}${tail.slice(1)}`;

  const context = await browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  // A page of the authority's own address, so that keys and feed are of the same origin.
  await page.goto(`${broker.url}/v1/health`);
  await page.evaluate(`${await bundlePortable("portable.ts", "verifier")}; globalThis.verifier = verifier;`);
  await page.evaluate(`(async () => {
    globalThis.own = await verifier.createVerifier({
      authorityUrl: location.origin, profiles: [{ kind: "agentwrit", issuer: "agentwrit" }],
    });
    globalThis.check = (token) =>
      own.verify(token, { audience: "browser" }).then((caller) => caller.scopes.join(), (error) => error.code);
  })()`);
  const check = (token: string): Promise<unknown> => page.evaluate(`check(${JSON.stringify(token)})`);

  expect(await check(lead.accessToken)).toBe("read:data:*");
  expect(await check(handed.accessToken)).toBe("read:data:7");
  expect(await check(forged)).toBe("invalid_token");
  await lead.release();
  const released = performance.now();
  while ((await check(handed.accessToken)) !== "invalid_token") {
    expect(performance.now() - released).toBeLessThan(1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await check(lead.accessToken)).toBe("invalid_token");
  await context.close();
}, 60_000);
