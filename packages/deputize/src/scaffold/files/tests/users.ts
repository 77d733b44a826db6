import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tokenFor } from "../dev/token.ts";
import { secret, serve } from "./serve.ts";

const key = secret();
let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  server = await serve({ JWT_SECRET_KEY: key, JWT_ISSUER: "", JWT_AUDIENCE: "", SESSION_SECRET: key });
});
after(() => server.close());

const ada = () => tokenFor("ada", { secret: key });
const ben = () => tokenFor("ben", { secret: key });

test("without a token nobody is served", async () => {
  assert.equal((await server.ask("POST", "/threads")).status, 401);
});

test("a token that is none is refused", async () => {
  assert.equal((await server.ask("POST", "/threads", "invalid_token")).status, 401);
});

test("a token of another secret is refused", async () => {
  assert.equal((await server.ask("POST", "/threads", tokenFor("ada", { secret: secret() }))).status, 401);
});

test("a token whose time is over is refused", async () => {
  const expired = tokenFor("ada", { secret: key, seconds: -3600 });
  const answer = await server.ask("POST", "/threads", expired);
  assert.deepEqual([answer.status, answer.body.code], [401, "EXPIRED_TOKEN"]);
});

test("a token that holds is served", async () => {
  assert.equal((await server.ask("POST", "/threads", ada())).status, 200);
});

test("two people see their own orders, and not each other's", async () => {
  const [adas, bens] = [await server.say("Show my orders", ada()), await server.say("Show my orders", ben())];
  assert.match(adas, /ORD-1001/);
  assert.doesNotMatch(adas, /ORD-2001/);
  assert.match(bens, /ORD-2001/);
  assert.doesNotMatch(bens, /ORD-1001/);
});

test("a thread of somebody else is not there", async () => {
  const { body } = await server.ask("POST", "/threads", ada());
  const foreign = await server.ask("POST", `/threads/${body.thread_id}/messages`, ben(), { content: "Hi" });
  assert.equal(foreign.status, 404);
});
