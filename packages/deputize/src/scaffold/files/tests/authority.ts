import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DeputizeApp, OperatorClient } from "deputize/client";
import { readAuthoritySettings, startAuthority } from "deputize/server";
import { secret, serve } from "./serve.ts";

const data = mkdtempSync(join(tmpdir(), "authority-"));
const SCOPES = ["invoke:graph:*", "read:checkpointer:*", "write:checkpointer:*", "read:weather:*"];
let authority: Awaited<ReturnType<typeof startAuthority>>;
let app: DeputizeApp;
let otherApp: DeputizeApp;
let server: Awaited<ReturnType<typeof serve>>;

before(async () => {
  const adminSecret = secret();
  const env = { DEPUTIZE_ADMIN_SECRET: adminSecret };
  authority = await startAuthority({ settings: readAuthoritySettings(env, { port: 0, dataDir: data }) });
  const operator = new OperatorClient({ brokerUrl: authority.url, adminSecret });
  const open = async (name: string): Promise<DeputizeApp> => {
    const { clientId, clientSecret } = await operator.registerApp({ name, scopes: SCOPES });
    return new DeputizeApp({ brokerUrl: authority.url, clientId, clientSecret });
  };
  app = await open("desk");
  otherApp = await open("other-desk");
  server = await serve({ AUTHORITY_URL: authority.url });
});
after(async () => {
  await server?.close();
  await app?.[Symbol.asyncDispose]();
  await otherApp?.[Symbol.asyncDispose]();
  await authority?.close();
  rmSync(data, { recursive: true, force: true });
});

const worker = (task: string, scope: string[], of = app) =>
  of.createAgent({ orchestration: "desk", task, scope });

test("without a token nobody is served", async () => {
  assert.equal((await server.ask("POST", "/threads")).status, 401);
  assert.equal((await server.ask("POST", "/threads", "invalid_token")).status, 401);
});

test("a credential of the authority is served, as far as its scopes go", async () => {
  const agent = await worker("orders", SCOPES.slice(0, 3));
  assert.equal((await server.ask("POST", "/threads", agent.accessToken)).status, 200);
  const narrow = await worker("weather", ["read:weather:*"]);
  const refused = await server.ask("POST", "/threads", narrow.accessToken);
  assert.deepEqual([refused.status, refused.body.code], [403, "INSUFFICIENT_SCOPE"]);
});

test("what was released is refused within a second", async () => {
  const agent = await worker("short", SCOPES.slice(0, 3));
  assert.equal((await server.ask("GET", "/threads", agent.accessToken)).status, 200);
  await agent.release();
  await new Promise((done) => setTimeout(done, 1000));
  assert.equal((await server.ask("GET", "/threads", agent.accessToken)).status, 401);
});

test("a thread belongs to the app whose credential began it", async () => {
  const mine = await worker("mine", SCOPES.slice(0, 3));
  const foreign = await worker("foreign", SCOPES.slice(0, 3), otherApp);
  const { body } = await server.ask("POST", "/threads", mine.accessToken);
  const say = (token: string) =>
    server.ask("POST", `/threads/${body.thread_id}/messages`, token, { content: "Hi" });
  assert.equal((await say(foreign.accessToken)).status, 404);
  assert.equal((await say(mine.accessToken)).status, 200);
});
