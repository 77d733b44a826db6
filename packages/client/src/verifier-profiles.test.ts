/** What a verifier of workers' tokens accepts. The tokens are made here, so that each claim can be got wrong. */
import { randomBytes } from "node:crypto";
import { type ManualClock, manualClock, stableId } from "@deputize/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkerKey } from "./sdk/worker-key.ts";
import { delegated, testWorker } from "./testing/delegation.ts";
import { AUDIENCE, type FakeAuthority, GRANT, ISSUER, fakeAuthority } from "./testing/fake-authority.ts";
import { createDpopProof } from "./token/dpop.ts";
import { ed25519Thumbprint } from "./token/jwk.ts";
import type { TokenVerifier, VerifierOptions } from "./verifier-core.ts";
import { createVerifier as onNode } from "./verifier.ts";
import { createVerifier as onTheWeb } from "./portable.ts";

const APP = stableId("app:demo");
const WORKER = stableId("agent:worker");
const BROKER = { kind: "agentwrit", issuer: "agentwrit" } as const;
const OAUTH = { kind: "oauth", issuer: ISSUER } as const;
const invalid = { code: "invalid_token" };

describe.each([
  ["on Node", onNode],
  ["over WebCrypto", onTheWeb],
])("a verifier %s", (_where, create) => {
  let clock: ManualClock;
  let authority: FakeAuthority;
  let verifier: TokenVerifier;
  const open: TokenVerifier[] = [];

  async function make(options: Partial<VerifierOptions> = { profiles: [BROKER] }): Promise<TokenVerifier> {
    const made = await create({ authorityUrl: ISSUER, fetch: authority.fetch, clock, ...options });
    open.push(made);
    return made;
  }
  beforeEach(async () => {
    clock = manualClock(Date.UTC(2026, 10, 22));
    authority = fakeAuthority(clock);
    verifier = await make();
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  const seconds = (): number => Math.floor(clock.nowMs() / 1000);
  const worker = testWorker("worker", ["read:data:7"]);
  const claims = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
    iss: "agentwrit",
    sub: worker.id,
    exp: seconds() + 300,
    nbf: seconds(),
    iat: seconds(),
    jti: randomBytes(16).toString("hex"),
    scope: worker.scope,
    task_id: "task",
    orch_id: "orch",
    tenant: "default",
    app_id: "app-demo-1a2b3c",
    sub_id: APP,
    act_ids: [WORKER],
    grants: [GRANT],
    epochs: { [APP]: 1, [WORKER]: 2 },
    ...change,
  });
  const sign = (change?: Record<string, unknown>, typ = "JWT"): string =>
    authority.sign(claims(change), { typ });
  const verify = (token: string, by = verifier) => by.verify(token, { audience: AUDIENCE });

  it("makes a caller of a worker's token: the worker, for its app [AW-F35]", async () => {
    expect(await verify(sign())).toMatchObject({
      tenant: "default",
      subject: APP,
      subjectKind: "app",
      actors: [WORKER],
      roles: [],
      scopes: ["read:data:7"],
      grants: [GRANT],
      clientId: worker.id,
      task: "task",
      orchestration: "orch",
      token: { issuer: "agentwrit", audience: [] },
    });
  });

  it("carries the constraints of a worker's grant into its caller", async () => {
    const constraints = { small: { tool: "refund_order", argument: "amount", max: 5000 } };
    const caller = await verify(sign({ constraints }));
    expect(caller.constraints).toEqual(constraints);
    expect(Object.isFrozen(caller.constraints?.["small"])).toBe(true);
    expect(await verify(sign())).not.toHaveProperty("constraints");
    await expect(verify(sign({ constraints: ["any"] }))).rejects.toMatchObject(invalid);
  });

  it("takes no profile that it does not name, whoever signed [SR-09]", async () => {
    const [workers, people, both] = [
      verifier,
      await make({ profiles: [OAUTH] }),
      await make({ profiles: [OAUTH, BROKER] }),
    ];
    const [workerToken, personToken] = [sign(), authority.sign()];
    await expect(verify(personToken, workers)).rejects.toMatchObject(invalid);
    await expect(verify(workerToken, people)).rejects.toMatchObject(invalid);
    await expect(verify(personToken, both)).resolves.toMatchObject({ subjectKind: "user" });
    await expect(verify(workerToken, both)).resolves.toMatchObject({ subjectKind: "app" });
    // Each one's claims under the other's `typ` and issuer.
    await expect(verify(sign({}, "at+jwt"), both)).rejects.toMatchObject(invalid);
    await expect(verify(authority.sign(undefined, { typ: "JWT" }), both)).rejects.toMatchObject(invalid);
    await expect(verify(sign({ iss: ISSUER }), both)).rejects.toMatchObject(invalid);
    await expect(verify(authority.sign(authority.claims({ iss: "agentwrit" })), both)).rejects.toMatchObject(
      invalid,
    );
  });

  it.each<[string, Record<string, unknown>]>([
    ["an operator", { sub: "admin", act_ids: [], scope: ["admin:revoke:*"] }],
    ["an app", { sub: "app:app-demo-1a2b3c", act_ids: [] }],
    ["nobody who acts", { act_ids: [] }],
    ["an actor whose epoch is missing [SR-12]", { epochs: { [APP]: 1 } }],
    ["a subject whose epoch is missing [SR-12]", { epochs: { [WORKER]: 2 } }],
    ["no subject", { sub_id: undefined }],
    ["no grant", { grants: [] }],
    ["a hop that left no record [AW-D13]", { grants: [GRANT, stableId("grant:2")] }],
    ["scopes in one text", { scope: "read:data:7" }],
    ["no time", { exp: undefined }],
    ["an end that is reached", { exp: 0 }],
    ["a later start", { nbf: 4e9 }],
    ["another issuer", { iss: "agentwrit2" }],
    ["no issuer", { iss: "" }],
    ["a confirmation by certificate [SR-25]", { cnf: { "x5t#S256": "A".repeat(43) } }],
    ["an empty confirmation [SR-25]", { cnf: null }],
  ])("refuses a token of %s", async (_what, change) => {
    await expect(verify(sign(change))).rejects.toMatchObject(invalid);
  });

  it("wants the broker's audience where it is told one, and no foreign one ever", async () => {
    const strict = await make({ profiles: [{ ...BROKER, audience: "https://broker.example" }] });
    await expect(verify(sign(), strict)).rejects.toMatchObject(invalid);
    await expect(verify(sign({ aud: ["https://other.example"] }), strict)).rejects.toMatchObject(invalid);
    await expect(verify(sign({ aud: ["https://broker.example"] }), strict)).resolves.toBeDefined();
    await expect(verify(sign({ aud: ["https://other.example"] }))).rejects.toMatchObject(invalid);
    await expect(verify(sign({ aud: [AUDIENCE] }))).resolves.toBeDefined();
  });

  it("sees expiry and revocation of a token that it knows, and forgets it [SR-11]", async () => {
    const [revoked, expiring] = [sign(), sign({ grants: [stableId("grant:other")] })];
    for (const token of [revoked, expiring, revoked, expiring]) await verify(token);
    authority.revoke("grant", GRANT);
    clock.advance(751);
    await expect(verify(revoked)).rejects.toMatchObject(invalid);
    await expect(verify(expiring)).resolves.toBeDefined();
    clock.advance(300_000);
    await expect(verify(expiring)).rejects.toMatchObject(invalid);
  });

  it.each(["/.well-known/jwks.json", "/authority/revocations"])("follows no redirect of %s", async (path) => {
    const asked: string[] = [];
    const elsewhere = await make({
      profiles: [BROKER],
      fetch: async (input, init) => {
        const url = String(input);
        asked.push(url);
        expect(init?.redirect).toBe("manual");
        if (!url.includes(path)) return authority.fetch(input, init);
        return new Response(null, { status: 302, headers: { Location: "https://evil.example/" } });
      },
    });
    authority.cut.check = true;
    await expect(verify(sign(), elsewhere)).rejects.toMatchObject({ code: "unavailable" });
    expect(asked.filter((url) => !url.startsWith(ISSUER))).toEqual([]);
  });

  it("takes no second spelling and no forgery of a token that it knows", async () => {
    const token = sign();
    await verify(token);
    const [head, body, tail = ""] = token.split(".");
    const forged = (tail.startsWith("A") ? "B" : "A") + tail.slice(1);
    for (const other of [`${head}.${body}.${forged}`, `${token}=`, ` ${token}`]) {
      await expect(verify(other)).rejects.toMatchObject(invalid);
    }
    await expect(verify(token)).resolves.toBeDefined();
  });

  it("checks how authority came down, also when the authority signed a broken chain [AW-D13]", async () => {
    const lead = testWorker("lead", ["read:data:*"]);
    const helper = testWorker("helper", ["read:data:7"]);
    const clerk = testWorker("clerk", ["read:data:7"], false);
    const good = delegated([lead, helper, clerk, worker], authority.key);
    await expect(verify(sign({ ...good }))).resolves.toMatchObject({ clientId: worker.id });
    const [first, second, third] = good.delegation_chain;
    for (const chain of [
      [second, third],
      [first, third],
      [first, second],
      [{ ...first, granted: ["read:data:8"] }, second, third],
      [{ ...first, delegate: worker.id }, second, third],
    ]) {
      await expect(verify(sign({ ...good, delegation_chain: chain }))).rejects.toMatchObject(invalid);
    }
    await expect(verify(sign({ ...good, scope: ["read:data:*"] }))).rejects.toMatchObject(invalid);
    await expect(verify(sign({ ...good, sub: helper.id }))).rejects.toMatchObject(invalid);
  });

  describe("of key-bound tokens", () => {
    const key = new WorkerKey();
    const request = { method: "GET", url: "https://api.example/rows" };
    const bound = (): string => sign({ cnf: { jkt: ed25519Thumbprint(key.x) } });
    const prove = (accessToken: string, by = key): Promise<string> =>
      createDpopProof({ key: by.proofKey, ...request, accessToken, clock });
    const verifyWith = (token: string, proof: string, at = request) =>
      verifier.verify(token, { audience: AUDIENCE, dpop: { proof, ...at } });

    it("accepts one with a fresh proof, each time anew [AW-F36]", async () => {
      const token = bound();
      await expect(verifyWith(token, await prove(token))).resolves.toMatchObject({ clientId: worker.id });
      await expect(verifyWith(token, await prove(token))).resolves.toMatchObject({ clientId: worker.id });
    });

    it("refuses a stolen one: without proof, with the thief's, with a used one, with one for elsewhere [AW-D15] [SR-25]", async () => {
      const token = bound();
      const proof = await prove(token);
      await verifyWith(token, proof);
      await expect(verify(token)).rejects.toMatchObject(invalid);
      await expect(verifyWith(token, await prove(token, new WorkerKey()))).rejects.toMatchObject(invalid);
      await expect(verifyWith(token, proof)).rejects.toMatchObject(invalid);
      const elsewhere = { ...request, url: "https://other.example/rows" };
      await expect(verifyWith(token, await prove(token), elsewhere)).rejects.toMatchObject(invalid);
      await expect(verifyWith(token, await prove(bound()))).rejects.toMatchObject(invalid);
    });

    it("refuses a proof with a token that is bound to nothing", async () => {
      const token = sign();
      await expect(verifyWith(token, await prove(token))).rejects.toMatchObject(invalid);
    });

    it("holds people's and agents' tokens to the same [SR-25]", async () => {
      const both = await make({ profiles: [OAUTH, BROKER] });
      const token = authority.sign(authority.claims({ cnf: { jkt: ed25519Thumbprint(key.x) } }));
      await expect(verify(token, both)).rejects.toMatchObject(invalid);
      const dpop = { proof: await prove(token), ...request };
      await expect(both.verify(token, { audience: AUDIENCE, dpop })).resolves.toBeDefined();
    });
  });

  it.each<[string, Partial<VerifierOptions>]>([
    ["no profile", { profiles: [] }],
    ["neither profiles nor issuer", {}],
    ["both", { issuer: ISSUER, profiles: [BROKER] }],
    ["a profile twice", { profiles: [BROKER, { ...BROKER, issuer: "other" }] }],
    ["one issuer for two profiles", { profiles: [OAUTH, { kind: "agentwrit", issuer: ISSUER }] }],
    ["an empty issuer", { profiles: [{ kind: "agentwrit", issuer: "" }] }],
  ])("is not made with %s [SR-09]", async (_what, options) => {
    await expect(make(options)).rejects.toMatchObject({ code: "config_invalid" });
  });
});
