import { agentMigrations } from "@deputize/agent";
import { newId, nowSeconds, randomHex, systemClock } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { Secret, TOTP } from "otpauth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serverMigrations } from "../a2a/task-store.ts";
import {
  authenticatorChain,
  jwtAuthenticator,
  secondFactors,
  stepUpAuthenticator,
} from "../authenticators/index.ts";
import { route } from "./route.ts";
import { PROVE_PATH, secondFactorRoutes } from "./second-factor-routes.ts";
import { type Running, SECRET, startServer, token } from "./server.fixture.ts";

let store: TestStore;
let server: Running;
const pay = route({
  method: "POST",
  path: "/v1/pay",
  group: "Test",
  summary: "Needs a code within five minutes.",
  scope: "graph:invoke",
  fresh: { maxAgeSeconds: 300, amr: ["otp"] },
  handler: async () => ({ paid: true }),
});

beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
  const factors = secondFactors({ store, key: randomHex(32), issuer: "Example" });
  const first = jwtAuthenticator({ secret: SECRET });
  server = await startServer({
    auth: { chain: authenticatorChain([stepUpAuthenticator({ first, factors })]) },
    routes: () => [...secondFactorRoutes(factors), pay],
  });
});
afterAll(async () => {
  await server?.stop();
  await store?.close();
});

describe("second factors over HTTP", () => {
  it("are enrolled behind a fresh sign-in, proved once, and open what asks for them", async () => {
    const signIn = (age: number) =>
      token({ userId: "ada", claims: { jti: newId(), auth_time: nowSeconds(systemClock) - age } });
    const [bearer, old] = [await signIn(0), await signIn(3_600)];
    const post = (path: string, as: string, body?: unknown) =>
      server.ask(path, { method: "POST", bearer: as, ...(body !== undefined && { body }) });
    expect((await post("/auth/second-factor/enrol", old)).status).toBe(401);
    const enrolled = await post("/auth/second-factor/enrol", bearer);
    const { uri } = (await enrolled.json()) as { uri: string };
    const secret = Secret.fromBase32(new URL(uri).searchParams.get("secret") ?? "");
    const code = (offset: number): string =>
      new TOTP({ secret }).generate({ timestamp: Date.now() + offset * 30_000 });
    expect((await post("/auth/second-factor/confirm", bearer, { code: "000000" })).status).toBe(401);
    const confirmed = await post("/auth/second-factor/confirm", bearer, { code: code(-1) });
    const { recovery_codes } = (await confirmed.json()) as { recovery_codes: string[] };
    expect(recovery_codes).toHaveLength(10);

    const before = await post("/v1/pay", bearer);
    expect([before.status, before.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('insufficient_user_authentication", max_age="300"'),
    ]);
    expect((await post(PROVE_PATH, bearer, { code: "000000" })).status).toBe(401);
    expect((await post(PROVE_PATH, bearer, { code: recovery_codes[0] })).status).toBe(204);
    expect((await post("/v1/pay", bearer)).status).toBe(200);
    // Another sign-in of the same person is not strengthened by it, and the code is spent.
    expect((await post("/v1/pay", old)).status).toBe(401);
    expect((await post(PROVE_PATH, old, { code: recovery_codes[0] })).status).toBe(401);
    for (let n = 0; n < 5; n += 1) await post(PROVE_PATH, old, { code: "000000" });
    const locked = await post(PROVE_PATH, old, { code: "000000" });
    expect([locked.status, Number(locked.headers.get("retry-after")) > 0]).toEqual([429, true]);
  });
});
