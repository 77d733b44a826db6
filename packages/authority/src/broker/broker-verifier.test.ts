import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { signCompactJws } from "@deputize/client";
import type { TestStore } from "@deputize/store/testing";
import { generateSigningKey, importSigningKey } from "../keys/private-key.ts";
import { type TestApp, type TestBroker, type TestWorker, openTestBroker } from "../testing/test-broker.ts";
import { openCoreStore } from "../testing/test-core.ts";

let world: TestBroker;
let app: TestApp;
let worker: TestWorker;
let store: TestStore;
let back: () => Promise<void>;
beforeAll(async () => {
  store = await openCoreStore();
  back = await store.mark();
});
afterAll(() => store.close());

/** A broker over a database that nobody used. */
async function fresh(options: Parameters<typeof openTestBroker>[0] = {}): Promise<TestBroker> {
  await back();
  return openTestBroker({ store, ...options });
}

const refusal = (token: string): Promise<unknown> =>
  world.broker.verify(token).then(
    () => "stands",
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );
const ONE_ANSWER = "invalid_token: the token is invalid or expired";

function forge(
  change: Record<string, unknown>,
  header: Record<string, unknown> = {},
  key = world.signingKey,
): string {
  const signer = importSigningKey(key);
  return signCompactJws(
    { alg: "EdDSA", typ: "JWT", kid: signer.kid, ...header } as never,
    { ...worker.claims, ...change },
    signer.privateKey,
  );
}

describe("a token", () => {
  beforeAll(async () => {
    world = await fresh();
    app = await world.app("verified");
    worker = await world.worker(app, { maxTtlSeconds: 3600 });
  });
  afterAll(() => world.close());

  it("is EdDSA with typ, kid and issuer, and makes the caller it names [AW-F08]", async () => {
    const header = JSON.parse(Buffer.from(worker.token.split(".")[0] ?? "", "base64url").toString());
    expect(header).toEqual({ alg: "EdDSA", typ: "JWT", kid: importSigningKey(world.signingKey).kid });
    expect(await world.broker.verify(worker.token)).toMatchObject({
      kind: "agent",
      tenant: "default",
      sub: worker.agentId,
      app: app.id,
      scopes: ["read:data:*"],
      taskId: "task",
      orchId: "orch",
      claims: { iss: "agentwrit", app_id: app.appId, sub_id: app.id, act_ids: [worker.caller.principal] },
    });
    expect(await world.broker.verify(app.token)).toMatchObject({
      kind: "app",
      sub: `app:${app.appId}`,
      taskId: "",
      orchId: "",
    });
    expect(world.admin).toMatchObject({ kind: "admin", sub: "admin", taskId: "", orchId: "" });
  });

  it("is refused with one answer, whatever is wrong with it [AW-F12] [AW-F08]", async () => {
    const [head, body, tail] = worker.token.split(".") as [string, string, string];
    const bad = {
      garbage: "garbage",
      empty: "",
      "no signature": `${head}.${body}.`,
      "another signature": `${head}.${body}.${Buffer.alloc(64, 1).toString("base64url")}`,
      padded: `${worker.token}=`,
      "two spellings": `${head}.${body}.${tail.slice(0, -1)}${tail.endsWith("A") ? "B" : "A"}`,
      "alg none": `${Buffer.from('{"alg":"none","typ":"JWT","kid":"x"}').toString("base64url")}.${body}.`,
      "foreign key": forge({}, {}, generateSigningKey()),
      "our kid, foreign key": forge(
        {},
        { kid: importSigningKey(world.signingKey).kid },
        generateSigningKey(),
      ),
      "another issuer": forge({ iss: "other" }),
      "the other profile's typ": forge({}, { typ: "at+jwt" }),
      "not valid yet": forge({ nbf: worker.caller.issuedAt + 600 }),
      expired: forge({ exp: worker.caller.issuedAt - 1 }),
      "no grants": forge({ grants: [] }),
      "a member too many": forge({ admin: true }),
    };
    for (const [what, token] of Object.entries(bad)) expect(await refusal(token), what).toBe(ONE_ANSWER);
    expect(await refusal(forge({}))).toBe("stands");
  });

  it("is good through the second of its exp, with no leeway [AW-F12]", async () => {
    const brief = await world.worker(app, { maxTtlSeconds: 2 });
    world.clock.advance(brief.caller.expiresAt * 1000 + 999 - world.clock.nowMs());
    expect(await refusal(brief.token)).toBe("stands");
    world.clock.advance(1);
    expect(await refusal(brief.token)).toBe(ONE_ANSWER);
  });

  it("of the broker opens nothing of the authority's other profile, and the other way round [SR-09]", async () => {
    expect(await world.authority.tokens.stands(worker.token)).toBeUndefined();
    await expect(world.authority.tokens.read(worker.token)).rejects.toMatchObject({ code: "invalid_token" });
    const signer = importSigningKey(world.signingKey);
    const oauth = signCompactJws(
      { alg: "EdDSA", typ: "at+jwt", kid: signer.kid },
      worker.claims,
      signer.privateKey,
    );
    expect(await refusal(oauth)).toBe(ONE_ANSWER);
  });

  it("once seen costs no statement [AW-F12]", async () => {
    await world.broker.verify(worker.token);
    const query = vi.spyOn(world.store.pool("authority"), "query");
    for (let n = 0; n < 100; n += 1) await world.broker.verify(worker.token);
    expect(query).not.toHaveBeenCalled();
    query.mockRestore();
  });
});

describe("an audience", () => {
  it("that is configured is claimed, and no other is accepted [AW-D40] [AW-F08]", async () => {
    const own = await fresh({ broker: { audience: "https://api.example", issuer: "own" } });
    const own_app = await own.app();
    const token = (await own.worker(own_app)).token;
    expect((await own.broker.verify(token)).claims).toMatchObject({
      aud: ["https://api.example"],
      iss: "own",
    });
    const other = await openTestBroker({
      store: own.store,
      signingKey: own.signingKey,
      clock: own.clock,
      broker: { audience: "https://other.example", issuer: "own" },
    });
    expect(await other.stands(token)).toBe(false);
    await other.close();
    await own.close();
  });
});

describe("revocation", () => {
  it("in another process is seen here within a second, without being told [SR-11]", async () => {
    const here = await fresh();
    const some = await here.app();
    const [a, b, c, d] = (await Promise.all([1, 2, 3, 4].map(() => here.worker(some)))) as [
      TestWorker,
      TestWorker,
      TestWorker,
      TestWorker,
    ];
    const there = await openTestBroker({ store: here.store, signingKey: here.signingKey, clock: here.clock });
    for (const { token } of [a, b, c, d]) expect(await there.stands(token)).toBe(true);

    await here.broker.workers.release(a.caller);
    await here.broker.workers.renew(b.caller);
    await here.broker.revoke(here.admin, { level: "agent", target: c.agentId });
    // Time that passes there makes its knowledge too old to be used.
    here.clock.advance(760);
    expect(await Promise.all([a, b, c, d].map(({ token }) => there.stands(token)))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    await there.close();
    await here.close();
  });

  it("of any principal on the path ends the token, whatever the clocks say, and for good [SR-12]", async () => {
    const own = await fresh();
    const there = await openTestBroker({ store: own.store, signingKey: own.signingKey, clock: own.clock });
    for (const hop of ["app", "delegator", "delegate"] as const) {
      const some = await own.app();
      const [a, b] = (await Promise.all([1, 2].map(() => own.worker(some)))) as [TestWorker, TestWorker];
      const handed = await own.delegate(a.caller, b.agentId, ["read:data:1"]);
      expect(await there.stands(handed.token)).toBe(true);
      const id = { app: some.id, delegator: a.caller.principal, delegate: b.caller.principal }[hop];
      const { principals } = own.authority;
      await own.store.transaction("authority", (tx) =>
        principals.suspend(tx, { tenant: "default", id }, "test"),
      );
      own.clock.advance(760);
      expect(await there.stands(handed.token), hop).toBe(false);
      await own.store.transaction("authority", (tx) => principals.reactivate(tx, { tenant: "default", id }));
      own.clock.advance(760);
      expect(await own.stands(handed.token), hop).toBe(false);
      expect(await there.stands(handed.token), hop).toBe(false);
    }
    await there.close();
    await own.close();
  });

  it("that cannot be known is no yes: without the feed the database is asked, without both it is unavailable [SR-11]", async () => {
    const own = await fresh();
    const some = await own.app();
    const token = (await own.worker(some)).token;
    const read = vi.spyOn(own.authority.revocation, "read").mockRejectedValue(new Error("cut"));
    own.clock.advance(10_000);
    expect(await own.stands(token)).toBe(true);
    const query = vi.spyOn(own.store.pool("authority"), "query").mockRejectedValue(new Error("cut") as never);
    own.clock.advance(10_000);
    await expect(own.broker.verify(token)).rejects.toMatchObject({ code: "unavailable" });
    query.mockRestore();
    read.mockRestore();
    await own.close();
  });

  it("after a restore is everything: tokens, launch tokens, nonces [SR-21]", async () => {
    const own = await fresh();
    const some = await own.app();
    const made = await own.worker(some);
    const waiting = await own.registration(some);
    await own.authority.afterRestore("test", generateSigningKey());
    own.clock.advance(760);
    expect(await own.stands(made.token)).toBe(false);
    expect(await own.stands(some.token)).toBe(false);
    const admin = await own.broker.verify((await own.broker.adminToken()).token);
    expect(admin.kind).toBe("admin");
    await expect(own.broker.workers.register(waiting)).rejects.toMatchObject({ code: "invalid_credentials" });
    const again = { ...some, caller: await own.broker.verify((await own.broker.apps.signIn(some)).token) };
    const { launchToken } = await own.registration(again);
    await expect(own.broker.workers.register({ ...waiting, launchToken })).rejects.toMatchObject({
      code: "invalid_credentials",
      message: expect.stringContaining("nonce"),
    });
    await own.close();
  });
});

describe("keys", () => {
  it("are published, and rotate with overlap: old tokens stand, old hops hold [AW-D37] [AW-F30]", async () => {
    const own = await fresh();
    const some = await own.app();
    const [a, b] = (await Promise.all([1, 2].map(() => own.worker(some)))) as [TestWorker, TestWorker];
    const hop = await own.delegate(a.caller, b.agentId, ["read:data:1"]);
    const next = generateSigningKey();
    await own.store.transaction("authority", (tx) => own.authority.keys.prepare(tx, next));
    await own.store.transaction("authority", (tx) => own.authority.keys.rotate(tx));
    await own.authority.keys.refresh();
    const kids = (await own.authority.keys.jwks()).keys.map((key) => key.kid);
    expect(kids).toContain(importSigningKey(own.signingKey).kid);
    const renewed = await own.broker.workers.renew(hop.caller);
    const header = JSON.parse(Buffer.from(renewed.token.split(".")[0] ?? "", "base64url").toString());
    expect(header.kid).toBe(importSigningKey(next).kid);
    const there = await openTestBroker({ store: own.store, signingKey: next, clock: own.clock });
    expect(await there.stands(a.token)).toBe(true);
    expect(await there.stands(renewed.token)).toBe(true);
    await there.close();
    await own.close();
  });
});

describe("a restart", () => {
  it("loses nothing: apps, workers, launch tokens, revocations, spent nonces [AW-D35] [AW-F20]", async () => {
    const rootSecret = Buffer.alloc(32, 7);
    const before = await fresh({ rootSecret });
    const some = await before.app();
    const [a, b] = (await Promise.all([1, 2].map(() => before.worker(some)))) as [TestWorker, TestWorker];
    await before.broker.workers.release(b.caller);
    const launch = await before.registration(some);
    const spent = await before.registration(some);
    await before.broker.workers.register(spent);
    await before.authority.close();

    const after = await openTestBroker({
      store: before.store,
      signingKey: before.signingKey,
      clock: before.clock,
      rootSecret,
    });
    expect(await after.stands(a.token)).toBe(true);
    expect(await after.stands(b.token)).toBe(false);
    const made = await after.broker.workers.register(launch);
    const caller = await after.broker.verify(a.token);
    await after.delegate(caller, made.agentId, ["read:data:1"]);
    await after.broker.apps.signIn(some);
    const { launchToken } = await after.registration({
      ...some,
      caller: await after.broker.verify(some.token),
    });
    await expect(after.broker.workers.register(spent)).rejects.toMatchObject({ code: "invalid_credentials" });
    await expect(after.broker.workers.register({ ...spent, launchToken })).rejects.toMatchObject({
      code: "invalid_credentials",
      message: expect.stringContaining("nonce"),
    });
    await after.close();
  });
});
