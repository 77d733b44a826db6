import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSecrets, readSettings } from "@deputize/server/config";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StartedShop, startShop } from "./start-shop.ts";

const AUDIT_SECRET = "a secret of the tests that has more than 32 bytes";
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "shop-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (env: Record<string, string> = {}, port = 0) =>
  readSettings(
    { LOG_LEVEL: "silent", DEPUTIZE_AUDIT_SECRET: AUDIT_SECRET, ...env },
    { port, dataDir: join(folder, "data") },
  );

// Databases on disk, one of which is made from nothing, on a machine that has other tests to run.
describe("startShop", { timeout: 120_000 }, () => {
  it("serves at its address, and again after it was closed, with what was there", async () => {
    const steps: string[] = [];
    const first = await startShop({ settings: settings(), env: {}, onStep: (name) => steps.push(name) });
    expect(steps).toEqual([
      "secrets",
      "database",
      "ephemeral state",
      "authority, agents, tools",
      "people and permissions",
      "audit log",
    ]);
    expect(first.secretsCreated).toBe(true);
    expect(statSync(join(folder, "data/secrets.json")).mode & 0o777).toBe(0o600);
    const health = await fetch(`${first.url}/health`);
    expect(await health.json()).toMatchObject({ status: "ok", database: { kind: "embedded" } });
    const login = await signIn(first);
    expect(login.status).toBe(200);
    const { access_token } = (await login.json()) as { access_token: string };

    // Its log carries the codes that the setting asks for, and does not go on without.
    await first.shop.audit.flush();
    const [entry] = await first.shop.audit.list({ limit: 1 });
    expect(await first.shop.audit.receipt(entry?.id ?? "")).toMatchObject({
      leaf: expect.stringContaining('"mac":"'),
    });

    // Another name of this machine.
    expect((await fetch(`http://127.0.0.1:${first.port}/health`)).status).toBe(200);
    await first.close();
    await expect(fetch(`${first.url}/health`)).rejects.toThrow();

    const unkeyed = startShop({ settings: settings({ DEPUTIZE_AUDIT_SECRET: "" }), env: {} });
    await expect(unkeyed).rejects.toThrow("DEPUTIZE_AUDIT_SECRET");

    const again = await startShop({ settings: settings({}, first.port), env: {} });
    expect(again.secretsCreated).toBe(false);
    const session = await fetch(`${again.url}/api/auth/session`, {
      headers: { Authorization: `Bearer ${access_token}` },
    });
    expect(await session.json()).toMatchObject({ user: { email: "alice.johnson@gmail.com" } });

    // The folder is in use now: a second start says so and leaves the first alone.
    await expect(startShop({ settings: settings(), env: {} })).rejects.toThrow(/in use by another process/);
    expect((await fetch(`${again.url}/health`)).status).toBe(200);
    await again.close();
  });

  it("takes the demo passwords and what they opened away where strangers come in, and gives them back [SR-26]", async () => {
    const at = (env: Record<string, string> = {}) => startShop({ settings: settings(env), env: {} });
    const alone = await at();
    const login = (await (await signIn(alone)).json()) as { access_token: string; refresh_token: string };
    await alone.close();

    // The same data and public address, bound to an address that this test takes for one of the world's.
    const publicly = await at({ DEPUTIZE_HOST: "127.0.0.2", DEPUTIZE_PUBLIC_URL: alone.url });
    expect(publicly.demoAccounts).toBe(false);
    const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
      Promise.resolve(publicly.shop.fetch(new Request(`${alone.url}${path}`, init)));
    const json = { "Content-Type": "application/json" };
    const post = (path: string, body: object) =>
      ask(path, { method: "POST", headers: json, body: JSON.stringify(body) });
    const credentials = { email: "alice.johnson@gmail.com", password: "customer123" };
    expect((await post("/api/auth/login", credentials)).status).toBe(401);
    expect((await post("/api/auth/refresh", { refresh_token: login.refresh_token })).status).toBe(401);
    const check = await post("/authority/check", { token: login.access_token });
    expect(await check.json()).toEqual({ active: false });
    const session = (await (await ask("/api/auth/session")).json()) as object;
    expect(session).not.toHaveProperty("demo_accounts");
    await publicly.close();

    const back = await at();
    expect((await signIn(back)).status).toBe(200);
    await back.close();
  });

  it("says in one line what is wrong and how to mend it", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const starts: [Parameters<typeof settings>, Record<string, string>, RegExp][] = [
      [[{}, port], {}, /port \d+ is taken; .* --port/],
      [[{ DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" }], {}, /no database answers at .*; start it/],
      [[{}], { DEPUTIZE_MODEL: "openai:gpt" }, /OPENAI_API_KEY/],
    ];
    for (const [given, env, line] of starts) {
      const start = startShop({ settings: settings(...given), env, secrets: generateSecrets() });
      await expect(start).rejects.toThrow(line);
      await expect(start).rejects.not.toThrow(/\n/);
    }
    await new Promise((resolve) => other.close(resolve));
  });
});

function signIn({ url }: StartedShop): Promise<Response> {
  return fetch(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: "alice.johnson@gmail.com", password: "customer123" }),
  });
}
