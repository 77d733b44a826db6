/** Every command that speaks with a server, as a process of its own, against the real server on a real port. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { verifyReceipt } from "@deputize/audit/verify";
import type { DeputizeApp } from "@deputize/client";
import { randomHex } from "@deputize/core";
import { type TestBroker, openTestBroker } from "@deputize/server/authority/testing";
import { type CommandResult, type RunOptions, runDeputize } from "./testing-command.ts";

// Each test starts a dozen processes or more.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let broker: TestBroker;
let folder: string;
let secretFile: string;
let app: DeputizeApp & { readonly appId: string };

beforeAll(async () => {
  broker = await openTestBroker();
  folder = mkdtempSync(join(tmpdir(), "deputize-commands-"));
  secretFile = join(folder, "secret.txt");
  writeFileSync(secretFile, `${broker.adminSecret}\n`, { mode: 0o600 });
  app = await broker.newApp(["read:data:*", "write:data:*"]);
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** As the operator, with the secret in the environment. */
function as(args: string, options: RunOptions = {}): Promise<CommandResult> {
  return runDeputize(args.split(" "), {
    ...options,
    env: { DEPUTIZE_URL: broker.url, DEPUTIZE_ADMIN_SECRET: broker.adminSecret, ...options.env },
  });
}

/** The JSON answer of a command that must succeed. */
async function json(args: string, options: RunOptions = {}) {
  const result = await as(`${args} --json`, options);
  expect(result, args).toMatchObject({ code: 0, stderr: "" });
  return result.json();
}

const worker = (task: string, scope = ["read:data:*"]) =>
  app.createAgent({ orchestration: "tests", task, scope });

describe("operators", () => {
  it("are added with some scopes, sign in with their own secret, and are removed [AW-D42] [AW-F21]", async () => {
    const out = join(folder, "auditor.json");
    const added = await json(`operator add auditor --scopes admin:audit:*,admin:grants:* --out ${out}`);
    expect(added).toMatchObject({ name: "auditor", scopes: ["admin:audit:*", "admin:grants:*"], out });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const { secret } = JSON.parse(readFileSync(out, "utf8")) as { secret: string };
    expect(JSON.stringify(added)).not.toContain(secret);
    const env = { DEPUTIZE_ADMIN_SECRET: secret };
    await json("audit events --limit 1", { env });
    expect((await as("app list", { env })).stderr).toContain("admin:apps:*");
    const rotated = await json("operator rotate auditor --overlap 0");
    expect((await as("audit events --limit 1", { env })).code).toBe(1);
    await json("audit events --limit 1", { env: { DEPUTIZE_ADMIN_SECRET: rotated.secret } });
    expect((await as("operator list")).stdout).toContain("auditor");
    expect(await json("operator remove auditor")).toMatchObject({ name: "auditor", status: "inactive" });
    expect((await as("audit events", { env: { DEPUTIZE_ADMIN_SECRET: rotated.secret } })).code).toBe(1);
  });
});

describe("apps", () => {
  it("are registered, listed, read, narrowed, given a second secret and removed [AW-F21]", async () => {
    const made = await json("app register --name shop-one --scopes read:data:*,write:data:* --token-ttl 600");
    expect(made).toMatchObject({
      app_id: expect.stringMatching(/^app-shop-one-[0-9a-f]{6}$/),
      scopes: ["read:data:*", "write:data:*"],
      token_ttl: 600,
      client_secret: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const id: string = made.app_id;
    expect((await json("app list")).apps.map((one: { app_id: string }) => one.app_id)).toContain(id);
    expect(await json(`app get --id ${id}`)).toMatchObject({ name: "shop-one", status: "active" });
    expect((await json(`app update ${id} --scopes read:data:*`)).scopes).toEqual(["read:data:*"]);
    const rotated = await json(`app rotate-secret ${id} --overlap 60`);
    expect(rotated).toMatchObject({ app_id: id, overlap_seconds: 60 });
    expect(rotated.client_secret).not.toBe(made.client_secret);
    expect((await json(`app remove ${id}`)).status).toBe("inactive");
    const list = await as("app list");
    expect(list.stdout).toMatch(new RegExp(`${id} +inactive`));
  });

  it("leave their secret in a private file and nowhere else, when asked", async () => {
    const out = join(folder, "app.json");
    const result = await as(`app register --name shop-two --scopes read:data:* --out ${out}`);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const { client_secret: secret } = JSON.parse(readFileSync(out, "utf8"));
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(result.stdout).not.toContain(secret);
    // Nothing is made when the answer could not be kept.
    const again = await as(`app register --name shop-three --scopes read:data:* --out ${out}`);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("exists") });
    expect((await as("app list")).stdout).not.toContain("shop-three");
  });
});

describe("launch tokens", () => {
  it("are made under an app's ceiling, and refused above it [AW-F21]", async () => {
    const made = await json(
      `launch-token create --agent-name reader --scopes read:data:7 --app ${app.appId} --ttl 60`,
    );
    expect(made).toMatchObject({
      launch_token: expect.stringMatching(/^[0-9a-f]{64}$/),
      policy: { allowed_scope: ["read:data:7"], max_ttl: 300 },
    });
    const above = await as(
      `launch-token create --agent-name reader --scopes delete:data:7 --app ${app.appId} --json`,
    );
    expect(above).toMatchObject({ code: 1, stdout: "" });
    expect(JSON.parse(above.stderr).error).toMatchObject({
      code: "forbidden",
      request_id: expect.any(String),
    });
  });
});

describe("tokens", () => {
  it("are validated, explained and released, and are never an argument [AW-F21]", async () => {
    const agent = await worker("explain", ["read:data:7"]);
    const token = agent.accessToken;
    const file = join(folder, "token.txt");
    writeFileSync(file, token, { mode: 0o600 });

    const valid = await json("token validate", { env: { DEPUTIZE_TOKEN: token } });
    expect(valid).toMatchObject({ valid: true, claims: { sub: agent.agentId, task_id: "explain" } });
    const words = await as(`token inspect --token-file ${file}`);
    expect(words.stdout).toContain(`It speaks for ${agent.agentId}, of app ${app.appId}.`);
    expect(words.stdout).toContain("It may: read:data:7.");
    expect(words.stdout).toContain("NOT checked");
    expect((await json("token inspect --token-file -", { input: token })).claims.scope).toEqual([
      "read:data:7",
    ]);

    for (const refused of [
      `token validate ${token}`,
      `token validate --token=${token}`,
      "token release --token x",
    ]) {
      const result = await as(refused);
      expect(result).toMatchObject({ code: 2, stdout: "" });
      expect(result.stderr).toContain("process list");
      expect(result.stderr).not.toContain(token);
    }

    expect(await json(`token release --token-file ${file}`)).toEqual({ released: true, dead: true });
    expect(await json(`token release --token-file ${file}`)).toEqual({ released: false, dead: true });
    const dead = await as(`token validate --token-file ${file}`);
    expect(dead).toMatchObject({ code: 1, stderr: "" });
    expect(dead.stdout).toContain("does NOT stand");
  });
});

describe("grants", () => {
  it("are drawn as a tree, tried and ended with what is below them [AW-F21]", async () => {
    const first = await worker("tree");
    const second = await worker("tree-two");
    await first.delegate(second, ["read:data:7"], { ttl: 60 });

    const list = await json(`grant list --actor ${first.agentId}`);
    expect(list.grants).toMatchObject([
      {
        actor: { name: first.agentId },
        subject: { name: `app:${app.appId}` },
        task_id: "tree",
        state: "active",
      },
    ]);
    const id: string = list.grants[0].id;
    const tree = (await as(`grant tree ${id}`)).stdout.split("\n");
    expect(tree[0]).toMatch(`${first.agentId} for app:${app.appId}: active, `);
    expect(tree[0]).toContain("<- this one");
    expect(tree[3]).toMatch(`└─ ${second.agentId} for app:${app.appId}: active, `);
    expect(tree[4]).toContain("read:data:7");
    expect((await as(`grant tree --app ${app.appId} --state active`)).stdout).toContain("└─ ");
    expect((await as(`grant show ${id}`)).stdout).toMatch(/grants below +1/);
    expect(await json(`grant show ${id}`)).toMatchObject({ id, depth: 0 });

    expect(await json(`grant revoke ${id} --dry-run`)).toMatchObject({ dry_run: true, count: 2 });
    expect((await first.validate()).valid).toBe(true);
    expect(await json(`grant revoke ${id} --reason incident_1`)).toEqual({ id, count: 2 });
    expect((await first.validate()).valid).toBe(false);
    expect((await as(`grant tree ${id}`)).stdout).toContain("revoked (incident_1)");
    expect((await json(`grant list --actor ${first.agentId} --state revoked`)).grants).toHaveLength(1);
  });

  it("that nobody knows are refused in one line", async () => {
    const result = await as("grant show 0199f0c0-1111-7222-8333-444455556666");
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toMatch(/^deputize: there is no such grant.*\(request \w+\)\n$/);
  });
});

describe("revocation", () => {
  it("counts truly, also when it is only tried [AW-F21] [AW-D41]", async () => {
    const agent = await worker("revoke-me");
    const tried = await json("revoke --level task --target revoke-me --dry-run");
    expect(tried).toEqual({ dry_run: true, level: "task", target: "revoke-me", count: 1 });
    expect((await agent.validate()).valid).toBe(true);
    const done = await json("revoke --level task --target revoke-me --reason leaked");
    expect(done).toEqual({ revoked: true, level: "task", target: "revoke-me", count: 1 });
    expect((await agent.validate()).valid).toBe(false);
    expect((await json("revoke --level task --target nobody-ever")).count).toBe(0);
    expect((await as("revoke --level task --target nobody-ever")).stdout).toContain("nothing lived there");
    expect((await json("revocations --limit 1")).revocations).toMatchObject([
      { actor: agent.agentId, kept_until: expect.any(String) },
    ]);
    expect((await as("revocations")).stdout).toContain(agent.agentId);
  });
});

describe("agents with API keys", () => {
  it("are registered, permitted, suspended, resumed and given a new key [AW-F21] [AA-D03]", async () => {
    const made = await json("agent register --name WeatherBot --owner owner@example.com");
    const { agent_id: id, key_id: keyId } = made;
    expect(made.api_key).toEqual(expect.any(String));
    expect((await json(`agent grant ${id} read_weather`)).permissions).toEqual(["read:weather:*"]);
    expect((await json(`agent permissions ${id}`)).effective).toEqual(["read:weather:*"]);
    expect((await json(`agent suspend ${id}`)).status).toBe("suspended");
    expect((await json(`agent resume ${id}`)).status).toBe("active");
    expect((await as("agent list")).stdout).toMatch(new RegExp(`${id} +WeatherBot +active`));
    const rotated = await json(`agent rotate-key ${id} ${keyId} --overlap 60`);
    expect(rotated.api_key).not.toBe(made.api_key);
    expect((await json(`agent keys ${id}`)).keys).toHaveLength(2);
    expect((await json(`agent revoke-permission ${id} read_weather`)).permissions).toEqual([]);
    expect((await as(`agent show ${id}`)).stdout).toContain("may: nothing");
    expect((await as(`agent keys ${id}`)).stdout).not.toContain(rotated.api_key);
    expect((await json(`agent confirm ${id}`)).confirmed).toBe(true);
    expect(await json(`agent remove ${id}`)).toEqual({ agent_id: id, removed: true });
    expect(await as(`agent show ${id}`)).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("keys", () => {
  it("rotate with overlap while the server runs: a token of the old key stands [AW-D37] [AW-F30] [AW-F21]", async () => {
    const before = (await json("keys list")).keys;
    expect(before).toMatchObject([{ state: "active" }]);
    const old = await worker("old-key");
    const next = await json("keys rotate --after 3600");
    expect(next.state).toBe("next");
    expect((await as("keys rotate --after 0")).stdout).toBe(`${next.kid} signs from now on\n`);
    const fresh = await worker("new-key");
    for (const agent of [old, fresh]) expect((await agent.validate()).valid).toBe(true);
    const { header } = await json("token inspect", { env: { DEPUTIZE_TOKEN: fresh.accessToken } });
    expect(header.kid).toBe(next.kid);
    expect((await json("keys list")).keys).toMatchObject([
      { kid: before[0].kid, state: "retired" },
      { kid: next.kid, state: "active" },
    ]);
  });
});

describe("the log", () => {
  it("is read by every filter, in pages [AW-F15] [AW-F21]", async () => {
    const agent = await worker("audited");
    await agent.release();
    const of = (await json("audit events --task-id audited --order oldest")).events;
    expect(of.map((event: { event_type: string }) => event.event_type)).toEqual(
      expect.arrayContaining(["agent_registered", "token_released"]),
    );
    const filters = `--agent-id ${agent.agentId} --event-type token_released --outcome success --since 1h`;
    expect((await json(`audit events ${filters}`)).events).toHaveLength(1);
    expect((await json("audit events --task-id audited --until 2020-01-01")).events).toEqual([]);
    const first = await json("audit events --limit 2");
    const second = await json(`audit events --limit 2 --cursor ${first.next}`);
    const ids = [...first.events, ...second.events].map((event: { id: string }) => event.id);
    expect(ids).toEqual(ids.toSorted().toReversed());
    expect(new Set(ids).size).toBe(4);
    expect((await as("audit events --task-id audited")).stdout).toMatch(/token_released +success/);
  });

  it("is followed as it grows, and proves an entry [AW-F15] [AW-F21]", async () => {
    const tail = runDeputize(["audit", "tail", "-n", "0", "-f", "--json", "--event-type", "token_released"], {
      env: { DEPUTIZE_URL: broker.url, DEPUTIZE_ADMIN_SECRET: broker.adminSecret },
      until: (stdout) => stdout.includes("\n"),
    });
    // Its first question is answered some time after it started; entries go on coming until it has seen one.
    let ended: CommandResult | undefined;
    void tail.then((result) => (ended = result));
    while (ended === undefined) {
      const agent = await worker("followed");
      await agent.release();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const event = JSON.parse(ended.stdout.split("\n")[0] ?? "");
    expect(event).toMatchObject({ event_type: "token_released", task_id: "followed" });

    const proof = await as(`audit prove ${event.entry_id} --url ${broker.url}`);
    expect(proof).toMatchObject({ code: 0, stderr: "" });
    const receipt = proof.json();
    expect(receipt).toMatchObject({ status: "logged", entry_id: event.entry_id });
    expect(await verifyReceipt(receipt, { publicKey: receipt.public_key })).toMatchObject({ ok: true });
  });
});

describe("status", () => {
  it("says whether the server is ready, and with the secret what it holds [AW-F21]", async () => {
    const full = await json("status");
    expect(full).toMatchObject({
      url: broker.url,
      ready: true,
      health: { status: "ok", db_connected: true },
      status: {
        counts: { apps: expect.any(Number) },
        log_key: expect.stringMatching(/^[^+ ]+\+[0-9a-f]{8}\+/),
      },
    });
    const stranger = await runDeputize(["status", "--url", broker.url]);
    expect(stranger).toMatchObject({ code: 0, stdout: expect.stringContaining("ready") });
    expect(stranger.stdout).toContain("give the admin secret");
  });

  it("fails while the server is not ready [AW-D43]", async () => {
    const problem = { detail: "the database does not answer", error_code: "unavailable" };
    const health = {
      status: "degraded",
      version: "1",
      uptime: 9,
      db_connected: false,
      audit_events_count: 0,
    };
    const server = createServer((request, response) => {
      const ready = request.url === "/v1/ready";
      response.writeHead(ready ? 503 : 200, { "content-type": "application/json", "retry-after": "1" });
      response.end(JSON.stringify(ready ? problem : health));
    }).listen(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const result = await runDeputize(["status", "--url", `http://127.0.0.1:${port}`]);
      expect(result).toMatchObject({ code: 1, stderr: "" });
      expect(result.stdout).toMatch(/NOT ready[^]*does NOT answer/);
    } finally {
      server.close();
    }
  });
});

describe("where the secret comes from", () => {
  it.each([
    ["a private file", () => runDeputize(["keys", "list", "--url", broker.url, "--secret-file", secretFile])],
    [
      "stdin",
      () =>
        runDeputize(["keys", "list", "--url", broker.url, "--secret-file", "-"], {
          input: broker.adminSecret,
        }),
    ],
    [
      "the names of the reference",
      () =>
        runDeputize(["keys", "list"], {
          env: { AACTL_BROKER_URL: broker.url, AACTL_ADMIN_SECRET: broker.adminSecret },
        }),
    ],
    [
      "the SDK's names",
      () =>
        runDeputize(["keys", "list"], {
          env: { AGENTWRIT_BROKER_URL: broker.url, AGENTWRIT_ADMIN_SECRET: broker.adminSecret },
        }),
    ],
  ])("%s will do", async (_name, run) => {
    expect(await run()).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("active") });
  });

  it("never an argument: it is refused, with the reason and without quoting it", async () => {
    for (const flag of ["--secret", "--admin-secret", "--password", "--api-key", "--client-secret"]) {
      for (const args of [[flag, broker.adminSecret], [`${flag}=${broker.adminSecret}`]]) {
        const result = await runDeputize(["keys", "list", "--url", broker.url, ...args]);
        expect(result).toMatchObject({ code: 2, stdout: "" });
        expect(result.stderr).toMatch(/^deputize: .*process list.*\n$/);
        expect(result.stderr).not.toContain(broker.adminSecret);
      }
    }
  });

  it("not from a file that others can read", async () => {
    const open = join(folder, "open.txt");
    writeFileSync(open, broker.adminSecret);
    chmodSync(open, 0o644);
    const result = await runDeputize(["keys", "list", "--url", broker.url, "--secret-file", open]);
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining(`chmod 600 ${open}`) });
  });
});

describe("errors", () => {
  it.each([
    ["a wrong secret", "keys list --json", { DEPUTIZE_ADMIN_SECRET: randomHex(32) }, 1, "unauthorized"],
    ["no server", "keys list --json", { DEPUTIZE_URL: "http://127.0.0.1:9" }, 1, "unreachable"],
    ["no address", "keys list --json", { DEPUTIZE_URL: "127.0.0.1" }, 1, "config_invalid"],
    ["no secret", "keys list --json", { DEPUTIZE_ADMIN_SECRET: "" }, 2, "usage"],
    ["a bad value", "revoke --level everything --target x --json", {}, 2, "usage"],
    ["a missing option", "revoke --level task --json", {}, 2, "usage"],
    ["an unknown option", "keys list --jsn=1 --json", {}, 2, "usage"],
    [
      "a scope that is none",
      "app register --name bad-scope --scopes nonsense --json",
      {},
      1,
      "invalid_request",
    ],
    [
      "a name that is taken",
      "app register --name test-app-ax --scopes read:data:* --json",
      {},
      1,
      "conflict",
    ],
    ["a page of nothing", "audit events --limit 0 --json", {}, 2, "usage"],
    ["a time that is none", "audit events --since yesterday --json", {}, 2, "usage"],
  ])("%s: one JSON line on stderr, nothing on stdout", async (_name, args, env, code, error) => {
    const result = await as(args, { env });
    expect(result).toMatchObject({ code, stdout: "" });
    const [line = "", ...rest] = result.stderr.split("\n");
    expect(rest).toEqual([""]);
    expect(JSON.parse(line).error).toMatchObject({ code: error, message: expect.stringMatching(/\w+ \w+/) });
    expect(result.stderr).not.toContain(broker.adminSecret);
  });
});
