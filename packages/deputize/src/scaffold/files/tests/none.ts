import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serve } from "./serve.ts";

let server: Awaited<ReturnType<typeof serve>>;
before(async () => {
  server = await serve({});
});
after(() => server.close());

test("anybody on this machine is served", async () => {
  assert.equal((await server.ask("GET", "/ping")).body, "pong");
  assert.match(await server.say("Show my orders"), /ORD-3001/);
});

test("nobody is served for staff only", async () => {
  assert.doesNotMatch(await server.say("Show me the sales report"), /total_cents|3295/);
});
