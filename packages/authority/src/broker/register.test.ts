import { randomBytes, sign } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type TestApp,
  type TestBroker,
  openTestBroker,
  transcriptSignature,
  workerKey,
} from "../testing/test-broker.ts";

let world: TestBroker;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("nursery");
});
afterAll(() => world.close());

type Registration = Awaited<ReturnType<TestBroker["registration"]>>;
const register = (request: Registration) => world.broker.workers.register(request);
const code = (request: Registration): Promise<unknown> =>
  register(request).then(
    () => "registered",
    (error: { code: string }) => error.code,
  );

it("makes a worker with a SPIFFE id of its own, kept when renewed [AW-F06] [AW-F07]", async () => {
  const one = await world.worker(app, { orch: "Orch.1", task: "task_2" });
  const two = await world.worker(app, { orch: "Orch.1", task: "task_2" });
  expect(one.agentId).toMatch(/^spiffe:\/\/agentwrit\.local\/agent\/Orch\.1\/task_2\/[0-9a-f]{16}$/);
  expect(two.agentId).not.toBe(one.agentId);
  expect(one.claims).toMatchObject({
    sub: one.agentId,
    task_id: "task_2",
    orch_id: "Orch.1",
    tenant: "default",
  });
  const renewed = await world.broker.workers.renew(one.caller);
  expect(renewed.claims).toMatchObject({ sub: one.agentId, scope: ["read:data:*"], task_id: "task_2" });
});

it("is recorded with app, task, grant and jti [AW-D23]", async () => {
  const worker = await world.worker(app);
  for (const action of ["agent_registered", "token_issued"]) {
    const event = (await world.recorded(action)).find((one) => one.agent === worker.agentId);
    expect(event, action).toMatchObject({
      outcome: "allowed",
      subject: app.id,
      app: app.id,
      actors: [worker.caller.principal],
      task: "task",
      orchestration: "orch",
      detail: { app_id: app.appId },
    });
  }
});

it.each([".", "..", "", "a/b", "a b", "ü", "x".repeat(129)])(
  "refuses the task %j before anything is consumed [AW-D28]",
  async (taskId) => {
    const request = await world.registration(app);
    expect(await code({ ...request, taskId })).toBe("invalid_request");
    expect(await code({ ...request, orchId: taskId })).toBe("invalid_request");
    expect(await code(request)).toBe("registered");
  },
);

it("a scope outside the launch token consumes nothing [AW-F05]", async () => {
  const request = await world.registration(app);
  for (const requestedScope of [["write:data:1"], ["read:data"], ["admin:revoke:*"], ["*:data:*"]]) {
    expect(await code({ ...request, requestedScope })).toBe("scope_exceeded");
  }
  expect((await world.recorded("registration_policy_violation")).at(-1)).toMatchObject({
    outcome: "refused",
    reason: "scope_exceeded",
    app: app.id,
  });
  expect(await code(request)).toBe("registered");
});

it("a wrong signature burns the nonce and leaves the launch token [AW-F06]", async () => {
  const request = await world.registration(app);
  expect(await code({ ...request, signature: randomBytes(64).toString("base64") })).toBe(
    "invalid_credentials",
  );
  expect(await code(request)).toBe("invalid_credentials");
  const fresh = await world.registration(app);
  expect(await code({ ...fresh, launchToken: request.launchToken })).toBe("registered");
});

it("an unknown launch token burns no nonce [AW-F06]", async () => {
  const request = await world.registration(app);
  expect(await code({ ...request, launchToken: "0".repeat(64) })).toBe("invalid_credentials");
  expect(await code(request)).toBe("registered");
});

it("a nonce serves once, thirty seconds, and only when it is ours [AW-F06] [AW-D25]", async () => {
  const first = await world.registration(app);
  expect(first.nonce).toMatch(/^[0-9a-f]{64}$/);
  expect(await code(first)).toBe("registered");
  const key = workerKey();
  const proof = (nonce: string) => ({
    nonce,
    publicKey: key.publicKey,
    signature: sign(null, Buffer.from(nonce, "hex"), key.privateKey).toString("base64"),
  });
  expect(await code({ ...(await world.registration(app)), ...proof(first.nonce) })).toBe(
    "invalid_credentials",
  );
  const foreign = randomBytes(32).toString("hex");
  expect(await code({ ...(await world.registration(app)), ...proof(foreign) })).toBe("invalid_credentials");
  const { nonce } = world.broker.workers.challenge();
  const stretched = `ffff${nonce.slice(4)}`;
  expect(await code({ ...(await world.registration(app)), ...proof(stretched) })).toBe("invalid_credentials");
  world.clock.advance(30_000);
  expect(await code({ ...(await world.registration(app)), ...proof(nonce) })).toBe("invalid_credentials");
});

it("a hundred thousand challenges leave nothing behind [AW-D25]", async () => {
  const count = async () =>
    (await world.store.ownerQuery<{ n: number }>("SELECT count(*)::int AS n FROM authority.used_nonces"))
      .rows[0]?.n;
  const before = await count();
  const seen = new Set<string>();
  for (let n = 0; n < 100_000; n += 1) seen.add(world.broker.workers.challenge().nonce);
  expect(seen.size).toBe(100_000);
  expect(await count()).toBe(before);
});

it.each([
  ["zero", Buffer.alloc(32)],
  ["one", Buffer.from([1, ...Array(31).fill(0)])],
  ["of order eight", Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")],
  ["minus one", Buffer.from(`ec${"ff".repeat(30)}7f`, "hex")],
  ["p, which is zero written another way", Buffer.from(`ed${"ff".repeat(30)}7f`, "hex")],
  ["p + 1 with its sign bit", Buffer.from(`ee${"ff".repeat(31)}`, "hex")],
  ["too short", Buffer.alloc(31, 7)],
])("refuses a key that is %s [AW-F06]", async (_what, raw) => {
  const request = await world.registration(app);
  expect(await code({ ...request, publicKey: raw.toString("base64") })).toBe("invalid_credentials");
});

it("one key and one signature have one spelling [AW-F06]", async () => {
  const request = await world.registration(app);
  expect(await code({ ...request, publicKey: request.publicKey.replace("=", "") })).toBe(
    "invalid_credentials",
  );
  const other = await world.registration(app);
  expect(await code({ ...other, signature: `${other.signature.slice(0, -2)}` })).toBe("invalid_credentials");
});

it("a transcript proof that is sent must hold: no part of the registration can be swapped [AW-D14]", async () => {
  for (const change of [
    { launchToken: "swap" },
    { taskId: "other" },
    { orchId: "other" },
    { requestedScope: ["read:data:1"] },
  ] as const) {
    const key = workerKey();
    const base = await world.registration(app);
    const request = {
      ...base,
      publicKey: key.publicKey,
      signature: sign(null, Buffer.from(base.nonce, "hex"), key.privateKey).toString("base64"),
    };
    const transcript = transcriptSignature(request, key);
    const swapped =
      "launchToken" in change ? { launchToken: (await world.registration(app)).launchToken } : { ...change };
    expect(await code({ ...request, ...swapped, transcriptSignature: transcript })).toBe(
      "invalid_credentials",
    );
    const { nonce } = world.broker.workers.challenge();
    const again = {
      ...request,
      nonce,
      signature: sign(null, Buffer.from(nonce, "hex"), key.privateKey).toString("base64"),
    };
    expect(await code({ ...again, transcriptSignature: transcriptSignature(again, key) })).toBe("registered");
  }
});

it.each([
  ["out of", true, undefined],
  ["into", undefined, true],
])(
  "nobody between takes the binding to the key %s a transcript [AW-D14] [AW-D15]",
  async (_, meant, sent) => {
    const key = workerKey();
    const { bind: _none, ...base } = await world.registration(app);
    const request = {
      ...base,
      publicKey: key.publicKey,
      signature: sign(null, Buffer.from(base.nonce, "hex"), key.privateKey).toString("base64"),
    };
    const transcript = transcriptSignature({ ...request, ...(meant && { bind: meant }) }, key);
    expect(await code({ ...request, ...(sent && { bind: sent }), transcriptSignature: transcript })).toBe(
      "invalid_credentials",
    );
  },
);

it("an app can demand the transcript; without it nothing is consumed [AW-D14]", async () => {
  const strict = await world.app();
  await world.broker.apps.update(world.admin, strict.appId, { requireTranscript: true });
  const key = workerKey();
  const base = await world.registration(strict);
  const request = {
    ...base,
    publicKey: key.publicKey,
    signature: sign(null, Buffer.from(base.nonce, "hex"), key.privateKey).toString("base64"),
  };
  expect(await code(request)).toBe("invalid_request");
  expect(await code({ ...request, transcriptSignature: transcriptSignature(request, key) })).toBe(
    "registered",
  );
});

it("a worker that asks for it is bound to its key, in every token [SR-25]", async () => {
  const bound = await world.worker(app, { bind: true });
  const plain = await world.worker(app);
  expect(bound.caller.jkt).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const renewed = await world.broker.workers.renew(bound.caller);
  expect(renewed.claims["cnf"]).toEqual({ jkt: bound.caller.jkt });
  const hop = await world.delegate(plain.caller, bound.agentId, ["read:data:1"]);
  expect(hop.claims["cnf"]).toEqual({ jkt: bound.caller.jkt });
  expect(plain.claims).not.toHaveProperty("cnf");
});

it("many at once each get an answer of their own [AW-F06]", async () => {
  const good = await Promise.all(Array.from({ length: 12 }, () => world.registration(app)));
  const bad = await Promise.all(
    Array.from({ length: 6 }, () =>
      world.registration(app, {}, { signature: randomBytes(64).toString("base64") }),
    ),
  );
  const all = good.flatMap((request, n) => (bad[n] ? [request, bad[n]] : [request]));
  const answers = await Promise.all(all.map(code));
  expect(answers).toEqual(
    all.map((request) => (bad.includes(request) ? "invalid_credentials" : "registered")),
  );
});
