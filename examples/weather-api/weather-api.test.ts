/** The mission's README, walked over real HTTP. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditMigrations, dumpLog, verifyLog } from "deputize/audit";
import { authorityMigrations } from "deputize/authority";
import { DeputizeClient, agentFetch } from "deputize/client";
import type { PrincipalId } from "deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { run } from "./main.ts";
import { curlLines } from "./walk.ts";
import { OWNER_EMAIL, type WeatherApi, startWeatherApi } from "./weather-api.ts";

let store: TestStore;
let api: WeatherApi;
let owner = "";

beforeAll(async () => {
  store = await openTestStore([auditMigrations, authorityMigrations]);
  api = await startWeatherApi({ port: 0, store });
  owner = (await send("POST", "/api/auth/login", { body: api.owner })).body["access_token"];
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await store.close();
});

async function send(
  method: string,
  path: string,
  { token, body }: { token?: string; body?: unknown } = {},
  // oxlint-disable-next-line typescript/no-explicit-any
): Promise<{ status: number; body: any }> {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

async function agent(agent_name: string, ...permissions: string[]) {
  const { body } = await send("POST", "/agents/register", { body: { agent_name, owner_email: OWNER_EMAIL } });
  await send("POST", `/agents/${body.agent_id}/confirm`, { token: owner });
  await send("PUT", `/agents/${body.agent_id}/permissions`, { token: owner, body: { permissions } });
  const login = async () => (await send("POST", "/auth/login", { body: { api_key: body.api_key } })).body;
  return { id: body.agent_id as string, key: body.api_key as string, login };
}

describe("the weather API", () => {
  it("works as the README shows; another agent gets 403 [AA-F01]", async () => {
    const registered = await send("POST", "/agents/register", {
      body: { agent_name: "WeatherBot", owner_email: OWNER_EMAIL },
    });
    expect(registered).toMatchObject({
      status: 201,
      body: { agent_id: expect.any(String), api_key: expect.any(String) },
    });
    const { agent_id, api_key } = registered.body;
    const login = () => send("POST", "/auth/login", { body: { api_key } });
    const powerless = await login();
    expect(powerless).toMatchObject({
      status: 200,
      body: { access_token: expect.any(String), token_type: "bearer" },
    });
    const weather = (token?: string) => send("GET", "/data/weather", token === undefined ? {} : { token });
    // Registered by a stranger: it can sign in and reach nothing [AA-D02].
    expect(await weather(powerless.body.access_token)).toMatchObject({
      status: 403,
      body: { detail: "Permission Denied", code: "insufficient_scope" },
    });
    expect((await send("POST", `/agents/${agent_id}/confirm`, { token: owner })).status).toBe(200);
    const permit = { token: owner, body: { permission: "read_weather" } };
    expect((await send("POST", `/agents/${agent_id}/permissions`, permit)).status).toBe(200);
    expect(await weather((await login()).body.access_token)).toEqual({
      status: 200,
      body: { message: "Protected weather data", agent_id },
    });

    const stock = await agent("StockBot", "read_stock");
    const { access_token } = await stock.login();
    expect((await weather(access_token)).status).toBe(403);
    expect(await send("GET", "/data/stock", { token: access_token })).toEqual({
      status: 200,
      body: { message: "Protected stock data", agent_id: stock.id },
    });
    expect((await weather()).status).toBe(401);
    expect((await weather(`${access_token.slice(0, -4)}AAAA`)).status).toBe(401);
  });

  it("knows a change of permissions at the next request after it is seen, and a refresh brings the new ones [AA-F08]", async () => {
    const bot = await agent("ChangingBot", "read_stock");
    const first = await bot.login();
    const weather = (token: string) => send("GET", "/data/weather", { token });
    expect((await weather(first.access_token)).status).toBe(403);
    await send("POST", `/agents/${bot.id}/permissions`, {
      token: owner,
      body: { permission: "read_weather" },
    });
    await expect.poll(async () => (await weather(first.access_token)).status, { timeout: 2000 }).toBe(401);
    const next = await send("POST", "/auth/refresh", { body: { refresh_token: first.refresh_token } });
    expect((await weather(next.body.access_token)).status).toBe(200);
    await send("DELETE", `/agents/${bot.id}/permissions/read_weather`, { token: owner });
    await expect
      .poll(async () => (await weather(next.body.access_token)).status, { timeout: 2000 })
      .toBe(401);
  });

  it("lets a program go on through a change of its permissions without a line of its own [AA-F08] [AA-F06]", async () => {
    const bot = await agent("SteadyBot", "read_stock");
    const client = new DeputizeClient({ authorityUrl: api.url });
    const call = agentFetch({ client, apiKey: bot.key, origin: api.url });
    const statuses = async () =>
      Promise.all(["weather", "stock"].map(async (name) => (await call(`${api.url}/data/${name}`)).status));
    expect(await statuses()).toEqual([403, 200]);
    await send("POST", `/agents/${bot.id}/permissions`, {
      token: owner,
      body: { permission: "read_weather" },
    });
    await expect.poll(statuses, { timeout: 2000 }).toEqual([200, 200]);
    await send("PUT", `/agents/${bot.id}/permissions`, { token: owner, body: { permissions: [] } });
    await expect.poll(statuses, { timeout: 2000 }).toEqual([403, 403]);
    await expect(call("https://elsewhere.example/data/weather")).rejects.toMatchObject({
      code: "invalid_request",
    });
    await send("POST", `/agents/${bot.id}/suspend`, { token: owner });
    await expect
      .poll(() => call(`${api.url}/data/weather`).catch((error) => error.code), { timeout: 2000 })
      .toBe("invalid_credentials");
  });

  it("gives both to an agent with the role for both [AA-F09]", async () => {
    const bot = await agent("Reporter");
    await send("PUT", `/agents/${bot.id}/roles/reporter`, { token: owner });
    const { access_token: token } = await bot.login();
    for (const path of ["/data/weather", "/data/stock"])
      expect((await send("GET", path, { token })).status).toBe(200);
  });

  it("shows its own routes and the authority's at /docs, and describes them at /openapi.json", async () => {
    const page = await (await fetch(`${api.url}/docs`)).text();
    for (const route of ["/data/weather", "/data/stock", "/agents/register", "/auth/login"]) {
      expect(page).toContain(route);
    }
    const { body } = await send("GET", "/openapi.json");
    expect(body.openapi).toMatch(/^3\.1/);
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(["/data/weather", "/agents/{id}/permissions"]),
    );
  });

  it("prints lines that a shell runs as they are", async () => {
    const script = curlLines(api).replaceAll("WeatherBot", "ShellBot");
    const { stdout } = await promisify(execFile)("sh", ["-c", script]);
    expect(stdout).toContain("Permission Denied");
    expect(stdout).toContain("Protected weather data");
    expect(stdout).not.toContain("Protected stock data");
  });

  it("says in one line that its port is taken, or none", async () => {
    const print = (): void => {};
    await expect(run({ print }, ["--port", new URL(api.url).port])).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("--port"),
    });
    await expect(run({ print }, ["--port", "70000"])).rejects.toMatchObject({ code: "config_invalid" });
  });

  it("walks by itself, on a database of its own that is gone afterwards", async () => {
    const lines: string[] = [];
    await run({ print: (line = "") => lines.push(line) }, ["--try"]);
    const [half, other] = [lines.slice(0, 5), lines.slice(5)];
    expect(half).toEqual([
      "WeatherBot registers: 201",
      "WeatherBot asks for the weather: 403 Permission Denied",
      "its owner confirms it and permits read_weather",
      "WeatherBot asks for the weather: 200 Protected weather data",
      "WeatherBot asks for the stock: 403 Permission Denied",
    ]);
    expect(other.slice(-2)).toEqual([
      "StockBot asks for the weather: 403 Permission Denied",
      "StockBot asks for the stock: 200 Protected stock data",
    ]);
  });

  // The last: it damages the log.
  it("has each act of an agent in the log: who, what, decision, reason; it can be taken out, and tampering is found [AA-F04] [AA-D08]", async () => {
    const bot = await agent("LoggedBot", "read_weather");
    const { access_token: token } = await bot.login();
    await send("GET", "/data/weather", { token });
    await send("GET", "/data/stock", { token });
    await send("POST", "/auth/revoke", { body: { token } });
    await api.audit.flush();
    const { entries } = await api.audit.query({
      tenant: "default",
      subject: bot.id as PrincipalId,
      order: "oldest",
    });
    const seen = entries.map(({ action, outcome, reason, event }) => [
      action,
      outcome,
      reason,
      event?.resource,
    ]);
    expect(seen).toEqual(
      expect.arrayContaining([
        ["agent.registered", "allowed", undefined, `agent:${bot.id}`],
        ["agent.signed_in", "allowed", undefined, undefined],
        ["api.request", "allowed", undefined, "GET /data/weather"],
        ["api.request", "refused", "insufficient_scope", "GET /data/stock"],
        ["token.revoked", "allowed", undefined, undefined],
      ]),
    );
    const permitted = await api.audit.query({ tenant: "default", action: "agent.permissions_set" });
    expect(permitted.entries.map(({ event }) => event?.resource)).toContain(`agent:${bot.id}`);

    const lines: string[] = [];
    for await (const line of dumpLog({ store, publicKey: api.audit.publicKey })) lines.push(line);
    expect(lines.join("\n")).toContain("api.request");
    for (const secret of [bot.key, token, OWNER_EMAIL]) expect(lines.join("\n")).not.toContain(secret);
    const verify = () => verifyLog({ store, publicKey: api.audit.publicKey });
    expect(await verify()).toMatchObject({ ok: true });
    await store.ownerQuery(
      "UPDATE audit.entries SET leaf = replace(leaf, 'allowed', 'refused') WHERE seq = 4",
    );
    expect(await verify()).toMatchObject({ ok: false, problems: [{ seq: 4 }] });
  });
});
