/** `deputize person`, the real command, over a shop's data folder: it knows nothing of the shop, and finds all that it keeps. */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyReceipt } from "@deputize/audit/verify";
import { readSettings } from "@deputize/server/config";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDeputize } from "../../../../packages/deputize/src/testing-command.ts";
import { startShop } from "./start-shop.ts";

const EMAIL = "alice.johnson@gmail.com";
let folder: string;
let data: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "person-"));
  data = join(folder, "data");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = () =>
  startShop({ settings: readSettings({ LOG_LEVEL: "silent" }, { port: 0, dataDir: data }), env: {} });
const person = (...args: string[]) =>
  runDeputize(["person", ...args, "--json"], { env: { DEPUTIZE_DATA: data } });

async function signIn(url: string): Promise<{ status: number; token: string }> {
  const reply = await fetch(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: EMAIL, password: "customer123" }),
  });
  return { status: reply.status, token: ((await reply.json()) as { access_token: string }).access_token };
}

describe("deputize person [PR-D30]", { timeout: 300_000 }, () => {
  it("says what would go, exports, and erases with a receipt", async () => {
    const shop = await start();
    const { token } = await signIn(shop.url);
    const asked = await fetch(`${shop.url}/api/chat`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ message: "Where is my latest order?" }),
    });
    expect(asked.status).toBe(200);
    await shop.close();

    const dry = await person("erase", EMAIL);
    expect(dry, dry.stderr).toMatchObject({ code: 0, stderr: "" });
    expect(dry.json()).toMatchObject({ dry_run: true });
    for (const room of ["authority", "agent", "shop", "log"])
      expect(dry.json().counts[room]).toBeGreaterThan(0);

    const out = join(folder, "alice.json");
    const exported = await person("export", EMAIL, "--out", out);
    expect(exported, exported.stderr).toMatchObject({ code: 0, stderr: "" });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const { sections } = JSON.parse(readFileSync(out, "utf8"));
    expect(sections["authority.person"]).toMatchObject([{ email: EMAIL }]);
    expect(sections["agent.messages"].length).toBeGreaterThanOrEqual(2);
    // A file that is there is left alone.
    expect((await person("export", EMAIL, "--out", out)).code).toBe(1);
    expect(await person("erase", "nobody@example.com")).toMatchObject({ code: 1 });

    const erased = await person("erase", EMAIL, "--yes");
    expect(erased, erased.stderr).toMatchObject({ code: 0, stderr: "" });
    expect(await verifyReceipt(erased.json().proof)).toMatchObject({ ok: true });
    expect(await person("erase", EMAIL)).toMatchObject({ code: 1 });
    const verified = await runDeputize(["audit", "verify", "--json"], { env: { DEPUTIZE_DATA: data } });
    expect(verified, verified.stderr + verified.stdout).toMatchObject({ code: 0 });

    const again = await start();
    try {
      expect((await signIn(again.url)).status).toBe(401);
    } finally {
      await again.close();
    }
  });
});
