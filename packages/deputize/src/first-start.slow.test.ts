/** From nothing to a running authority and through its rotations, with the real command only. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeputizeApp, createVerifier, validate } from "@deputize/client";
import { runDeputize } from "./testing-command.ts";

// A server starts twice here, over the embedded database.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 30_000 });

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));

let folder: string;
let data: string;
let servers: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-first-"));
  data = join(folder, "data");
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await stop(server);
  rmSync(folder, { recursive: true, force: true });
});

/** All that the server wrote, and its address. */
async function serve(): Promise<{ url: string; child: ChildProcess; said: () => string }> {
  const child = spawn(process.execPath, [CLI, "serve", "--port", "0", "--json"], {
    env: { PATH: process.env["PATH"] ?? "", DEPUTIZE_DATA: data },
  });
  servers.push(child);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const started = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const line = said.split("\n").find((one) => one.startsWith("{"));
      if (line !== undefined && said.endsWith("\n")) resolve(line);
    });
    child.on("close", () => reject(new Error(`the server ended: ${said}`)));
  });
  return { url: JSON.parse(await started).url, child, said: () => said };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.kill("SIGTERM");
  await ended;
}

const local = (...args: string[]) => runDeputize(args, { env: { DEPUTIZE_DATA: data } });

describe("a secret's file", () => {
  it("that is a folder is said to be one", async () => {
    const refused = await local("app", "list", "--secret-file", folder);
    expect(refused).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/is a folder; name .+\n$/),
    });
    expect(refused.stderr).not.toContain("    at ");
  });
});

describe("init", () => {
  it("makes a private file once, never through a link, and keeps no secret in prod [AW-F22]", async () => {
    const dry = await local("init", "--mode", "prod", "--dry-run");
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing was written") });
    const made = await local("init", "--mode", "prod", "--json");
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const { file, admin_secret: secret } = made.json();
    expect(file).toBe(join(data, "config.json"));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(secret);

    const again = await local("init", "--mode", "prod");
    expect(again).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("--force") });
    const victim = join(folder, "victim");
    const link = join(folder, "link.json");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, link);
    const linked = await local("init", "--mode", "dev", "--force", "--config-path", link);
    expect(linked).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("symbolic link") });
    expect(readFileSync(victim, "utf8")).toBe("untouched");

    for (const wrong of [["init"], ["init", "--mode", "test"], ["init", "--rotate", "--mode", "dev"]]) {
      expect(await local(...wrong)).toMatchObject({ code: 2, stdout: "" });
    }
  });
});

describe("a running authority", () => {
  it("changes its admin secret and its signing keys without a break, and its log verifies [AW-D37] [AW-D38] [AW-D47] [AW-F30] [AW-F15]", async () => {
    const first = (await local("init", "--mode", "prod", "--json")).json().admin_secret;
    let server = await serve();
    const asOperator = (secret: string, ...args: string[]) =>
      runDeputize([...args, "--json"], {
        env: { DEPUTIZE_URL: server.url, DEPUTIZE_ADMIN_SECRET: secret },
      });
    const registered = (
      await asOperator(first, "app", "register", "--name", "orders", "--scopes", "read:data:*")
    ).json();
    const newWorker = (task: string) =>
      new DeputizeApp({
        brokerUrl: server.url,
        clientId: registered.client_id,
        clientSecret: registered.client_secret,
      }).createAgent({ orchestration: "first-start", task, scope: ["read:data:1"] });
    const old = await newWorker("old");

    // The secret before works on beside the new one, and the server was not restarted.
    const second = (await local("init", "--rotate", "--overlap", "3600", "--json")).json().admin_secret;
    expect(second).not.toBe(first);
    for (const secret of [first, second]) {
      expect((await asOperator(secret, "keys", "list")).json().keys).toHaveLength(1);
    }
    expect((await asOperator("0".repeat(64), "keys", "list")).code).toBe(1);

    const rotated = (await asOperator(second, "keys", "rotate", "--after", "0")).json();
    expect(rotated.state).toBe("active");
    expect(JSON.parse(readFileSync(join(data, "secrets.json"), "utf8")).moreTokenKeys).toHaveLength(1);
    const fresh = await newWorker("fresh");

    // Nobody was told a token, and no secret was told at this start.
    expect(server.said()).not.toMatch(/eyJ[\w-]+\./);
    for (const secret of [first, second]) expect(server.said()).not.toContain(secret);
    await stop(server.child);
    server = await serve();

    // Tokens of both keys stand after a restart, at the server and offline.
    const verifier = await createVerifier({
      profiles: [{ kind: "agentwrit", issuer: "agentwrit" }],
      authorityUrl: server.url,
    });
    try {
      for (const agent of [old, fresh]) {
        expect((await validate(server.url, agent.accessToken)).valid).toBe(true);
        await verifier.verify(agent.accessToken, { audience: "none" });
      }
    } finally {
      await verifier.close();
    }
    expect((await asOperator(second, "keys", "list")).json().keys).toMatchObject([
      { state: "retired" },
      { kid: rotated.kid, state: "active" },
    ]);
    const token = (await newWorker("third")).accessToken;
    const header = JSON.parse(Buffer.from(token.split(".", 1)[0] ?? "", "base64url").toString());
    expect(header.kid).toBe(rotated.kid);
    // While the server holds its data, it is the one to ask.
    const dump = join(folder, "log.jsonl");
    const online = (...args: string[]) =>
      runDeputize(["audit", ...args, "--url", server.url], { env: { DEPUTIZE_ADMIN_SECRET: second } });
    expect(await online("export", dump)).toMatchObject({ code: 0, stderr: "" });
    const key: string = JSON.parse(readFileSync(dump, "utf8").split("\n", 1)[0] ?? "").public_key;
    const checked = await online("verify", "--key", key, "--json");
    expect(checked).toMatchObject({ code: 0, stderr: "" });
    expect(checked.json()).toMatchObject({ ok: true });
    expect(await online("verify")).toMatchObject({ code: 1, stderr: expect.stringContaining("--key") });
    expect(await local("audit", "verify")).toMatchObject({ code: 1, stdout: "" });
    await stop(server.child);

    const verified = await local("audit", "verify", "--json");
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.json()).toMatchObject({ ok: true, problems: [] });
    const later = join(folder, "later.jsonl");
    expect((await local("audit", "export", later)).stdout).toContain(`public key: ${key}`);
    expect(await local("audit", "export", later)).toMatchObject({ code: 1 });
    expect((await local("audit", "verify", "--file", later, "--key", key, "--json")).json().ok).toBe(true);
    expect((await local("audit", "verify", "--file", dump, "--key", key, "--json")).json().ok).toBe(true);
    writeFileSync(dump, readFileSync(dump, "utf8").replace("app_registered", "app_imagined"));
    expect(await local("audit", "verify", "--file", dump, "--key", key)).toMatchObject({ code: 1 });
  });
});
