/** The SDK against the real authority. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AuthenticationError,
  AuthorizationError,
  CryptoError,
  DeputizeApp,
  DeputizeError,
  OperatorClient,
  ProblemResponseError,
  RateLimitError,
  TransportError,
  guarded,
  importJwkSet,
  registerAgent,
  scopeIsSubset,
  validate,
  verifyDelegationChain,
} from "@deputize/client";
import { generateKeyPairSync } from "node:crypto";
import { type TestBroker, openTestBroker } from "./testing.ts";

const CEILING = ["read:data:*", "write:data:*"];
let broker: TestBroker;
let app: Awaited<ReturnType<TestBroker["newApp"]>>;
beforeAll(async () => {
  broker = await openTestBroker({ DEPUTIZE_OPERATOR_SCOPES: "read:data:*" });
  app = await broker.newApp(CEILING);
});
afterAll(() => broker?.[Symbol.asyncDispose]());

let tasks = 0;
const agentFor = (scope: readonly string[], more: Partial<Parameters<DeputizeApp["createAgent"]>[0]> = {}) =>
  app.createAgent({ orchestration: "sdk", task: `task-${(tasks += 1)}`, scope, ...more });

/** A `fetch` that remembers what was asked for. */
function counting(): { readonly fetch: typeof fetch; readonly paths: string[] } {
  const paths: string[] = [];
  return {
    paths,
    fetch: (input, init) => {
      paths.push(new URL(input instanceof Request ? input.url : input).pathname);
      return fetch(input, init);
    },
  };
}

describe("an agent", () => {
  it("is made for one task, and says what it may do [AW-F26]", async () => {
    await using agent = await app.createAgent({
      orchId: "order-worker",
      taskId: "process-ord-4823",
      requestedScope: ["read:data:customer-7291", "write:data:order-ord-4823"],
    });
    expect(agent.agentId).toMatch(
      /^spiffe:\/\/agentwrit\.local\/agent\/order-worker\/process-ord-4823\/[0-9a-f]{16}$/,
    );
    expect(agent).toMatchObject({
      scope: ["read:data:customer-7291", "write:data:order-ord-4823"],
      taskId: "process-ord-4823",
      orchId: "order-worker",
      expiresIn: 300,
      delegationChain: [],
    });
    expect(agent.expiresAt - agent.claims.iat).toBe(300);
    expect(agent.bearerHeader).toEqual({ Authorization: `Bearer ${agent.accessToken}` });
    const result = await validate(app.brokerUrl, agent.accessToken);
    expect(result).toMatchObject({
      valid: true,
      claims: { iss: "agentwrit", sub: agent.agentId, task_id: "process-ord-4823", orch_id: "order-worker" },
    });
  });

  it("is told no where it stands, by the same rule as the broker's [AW-F09] [AW-D33] [AW-F38]", async () => {
    await using agent = await agentFor(["read:data:customer-1", "write:data:a:b"]);
    agent.enforce("read:data:customer-1");
    agent.enforce(["read:data:customer-1", "write:data:a:b"]);
    expect(scopeIsSubset(["read:data:customer-1"], agent.scope)).toBe(true);
    for (const other of ["read:data:customer-2", "write:data:customer-1", "read:data:*", "bad", "", []]) {
      expect(agent.can(other)).toBe(false);
      expect(() => agent.enforce(other)).toThrow(AuthorizationError);
    }
    expect(() => agent.enforce("read:data:customer-2")).toThrow(
      expect.objectContaining({
        statusCode: 403,
        errorCode: "insufficient_scope",
        code: "insufficient_scope",
      }),
    );
    // The broker's own answer to the same question.
    await expect(
      agentFor(["read:data:customer-1"]).then((a) => a.delegate(agent, "read:data:*")),
    ).rejects.toThrow(AuthorizationError);
  });

  it("guards a function by the scope of its arguments [AW-F38]", async () => {
    await using agent = await agentFor(["read:data:7"]);
    const seen: string[] = [];
    const read = guarded(
      agent,
      (id: string) => `read:data:${id}`,
      (id) => seen.push(id),
    );
    await read("7");
    await expect(read("8")).rejects.toThrow(AuthorizationError);
    await agent.release();
    await expect(read("7")).rejects.toThrow(/released/);
    expect(seen).toEqual(["7"]);
  });

  it("is released on every way out [AW-F39]", async () => {
    let token = "";
    const work = async (): Promise<never> => {
      await using agent = await agentFor(["read:data:1"]);
      token = agent.accessToken;
      throw new Error("the work failed");
    };
    await expect(work()).rejects.toThrow("the work failed");
    expect(await app.validate(token)).toMatchObject({ valid: false, error: "token is invalid or expired" });
  });

  it("is released once, quietly as often as one likes, and does nothing afterwards [AW-F11]", async () => {
    const agent = await agentFor(["read:data:1"]);
    await Promise.all([agent.release(), agent.release()]);
    await agent.release();
    expect(await agent.validate()).toMatchObject({ valid: false, reason: "released" });
    expect(agent.can("read:data:1")).toBe(false);
    for (const attempt of [
      () => agent.renew(),
      () => agent.delegate(agent, "read:data:1"),
      () => agent.fetch(broker.url),
      async () => agent.enforce("read:data:1"),
    ]) {
      await expect(attempt()).rejects.toThrow(/released/);
    }
  });

  it("is released quietly when somebody else ended it, and its owner can tell that from expiry [AW-F11]", async () => {
    const revoked = await agentFor(["read:data:1"]);
    await broker.operator.revoke({ level: "agent", target: revoked.agentId });
    expect(await revoked.validate()).toMatchObject({ valid: false, reason: "revoked" });
    await expect(revoked.renew()).rejects.toThrow(AuthenticationError);
    await revoked.release();

    const short = await agentFor(["read:data:1"], { maxTtl: 1 });
    await expect
      .poll(() => short.validate(), { timeout: 5_000 })
      .toMatchObject({ valid: false, reason: "expired" });
    expect(short.can("read:data:1")).toBe(false);
    expect(() => short.enforce("read:data:1")).toThrow(AuthenticationError);
    await short.release();
  });

  it("does not call itself released when a renewal's answer was lost and what it handed on lives [AW-F11] [AW-F39]", async () => {
    let lost = false;
    const losing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      if (!lost || pathname !== "/v1/token/renew") return response;
      throw new TypeError("fetch failed");
    };
    const away = await broker.newApp(CEILING, { fetch: losing });
    const [lead, helper] = await Promise.all(
      ["lead", "helper"].map((task) =>
        away.createAgent({ orchestration: "sdk", task, scope: ["read:data:1"] }),
      ),
    );
    if (!lead || !helper) throw new Error("no agents");
    const handedOn = await lead.delegate(helper, "read:data:1");
    lost = true;
    await expect(lead.renew()).rejects.toThrow(TransportError);
    await expect(lead.release()).rejects.toThrow(/revoke the agent/);
    expect(await app.validate(handedOn.accessToken)).toMatchObject({ valid: true });
    await broker.operator.revoke({ level: "agent", target: lead.agentId });
    expect(await app.validate(handedOn.accessToken)).toMatchObject({ valid: false });
  });

  it("renews in place, once for parallel calls; the old token dies [AW-F11] [AW-F39]", async () => {
    await using agent = await agentFor(["read:data:1"]);
    const before = agent.accessToken;
    await Promise.all([agent.renew(), agent.renew(), agent.renew()]);
    expect(agent.accessToken).not.toBe(before);
    expect(await app.validate(before)).toMatchObject({ valid: false });
    expect(await agent.validate()).toMatchObject({ valid: true, claims: { sub: agent.agentId } });
  });

  it("renews by itself before it runs out, until it is released [AW-F39]", async () => {
    const failures: unknown[] = [];
    const agent = await agentFor(["read:data:1"], {
      maxTtl: 3,
      autoRenew: { onFailed: (error) => failures.push(error) },
    });
    const tokens = new Set<string>();
    const end = performance.now() + 4_500;
    while (performance.now() < end) {
      tokens.add(agent.accessToken);
      expect(agent.can("read:data:1")).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(tokens.size).toBeGreaterThan(1);
    expect(await agent.validate()).toMatchObject({ valid: true });
    await broker.operator.revoke({ level: "agent", target: agent.agentId });
    await expect.poll(() => failures, { timeout: 5_000 }).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(AuthenticationError);
    await agent.release();
  });
});

describe("delegation", () => {
  it("goes on at every hop, each signed by its own key, and the chain holds offline [AW-F42] [AW-F13] [AW-D13]", async () => {
    await using lead = await agentFor(["read:data:*", "write:data:7"]);
    await using helper = await agentFor(["read:data:1"]);
    await using clerk = await agentFor(["read:data:1"]);
    await using intern = await agentFor(["read:data:1"]);

    const first = await lead.delegate(helper, ["read:data:7", "read:data:8"]);
    // The delegate got the token by some message, and holds it with its own key.
    const second = await helper.accept(first.accessToken).delegate(clerk, "read:data:7");
    const third = await second.delegate(intern, "read:data:7", { ttl: 10 });

    expect(third.agentId).toBe(intern.agentId);
    expect(third.scope).toEqual(["read:data:7"]);
    expect(third.expiresAt).toBeLessThanOrEqual(second.expiresAt);
    expect(third.delegationChain.map(({ agent }) => agent)).toEqual([
      lead.agentId,
      helper.agentId,
      clerk.agentId,
    ]);
    expect(third.delegationChain.every((link) => "key" in link && !("kid" in link))).toBe(true);

    const keys = importJwkSet(await (await fetch(`${broker.url}/.well-known/jwks.json`)).json());
    await expect(verifyDelegationChain(third.claims, keys)).resolves.toBeUndefined();
    const wider = { ...third.claims, scope: ["read:data:8"] };
    await expect(verifyDelegationChain(wider, keys)).rejects.toMatchObject({ code: "invalid_token" });

    await expect(third.delegate(lead, "write:data:7")).rejects.toThrow(AuthorizationError);
    await lead.release();
    expect(await third.validate()).toMatchObject({ valid: false, reason: "revoked" });
  });

  it("works by address too; the authority signs the next hop of whom holds no key here [AW-F42]", async () => {
    await using lead = await agentFor(["read:data:*"]);
    await using helper = await agentFor(["read:data:1"]);
    await using clerk = await agentFor(["read:data:1"]);
    const first = await lead.delegate(helper.agentId, "read:data:7");
    const second = await first.delegate(clerk.agentId, "read:data:7");
    expect(second.delegationChain.map((link) => "key" in link)).toEqual([true, false]);
    const keys = importJwkSet(await (await fetch(`${broker.url}/.well-known/jwks.json`)).json());
    await expect(verifyDelegationChain(second.claims, keys)).resolves.toBeUndefined();
    expect(() => lead.accept(first.accessToken)).toThrow(/not delegated to this agent/);
  });

  it("ends at the sixth hop, and never outlives or exceeds what it came from [AW-F13]", async () => {
    const agents = await Promise.all(Array.from({ length: 7 }, () => agentFor(["read:data:*"])));
    let held = agents[0]!;
    for (const next of agents.slice(1, 6)) {
      const handed = await held.delegate(next, "read:data:7", { ttl: 86_400 });
      expect(handed.expiresAt).toBeLessThanOrEqual(held.expiresAt);
      held = handed;
    }
    expect(held.delegationChain).toHaveLength(5);
    await expect(held.delegate(agents[6]!, "read:data:7")).rejects.toThrow(AuthorizationError);
    await Promise.all(agents.map((agent) => agent.release()));
    expect(await held.validate()).toMatchObject({ valid: false, reason: "revoked" });
  });

  it("to nobody known is an error by its status", async () => {
    await using lead = await agentFor(["read:data:*"]);
    const nobody = lead.agentId.replace(/[0-9a-f]{16}$/, "0000000000000000");
    const error = await lead.delegate(nobody, "read:data:7").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemResponseError);
    expect(error).toMatchObject({ statusCode: 404, code: "not_found", errorCode: "not_found" });
  });
});

describe("a key-bound agent", () => {
  it("does everything with proofs, and its token alone is worth nothing [AW-F36] [AW-D15]", async () => {
    await using agent = await agentFor(["read:data:*"], { bind: true });
    await using other = await agentFor(["read:data:1"]);
    await agent.renew();
    await agent.delegate(other, "read:data:7");
    const stolen = { method: "POST", headers: agent.bearerHeader };
    expect((await fetch(`${broker.url}/v1/token/renew`, stolen)).status).toBe(401);
    expect((await fetch(`${broker.url}/v1/token/release`, stolen)).status).toBe(401);
    expect((await agent.fetch(`${broker.url}/v1/token/renew`, { method: "POST" })).status).toBe(200);
  });
});

describe("validate", () => {
  it.each(["", "x", "a.b.c", "x".repeat(9000), `${"x".repeat(40)}.e30.${"y".repeat(86)}`])(
    "never throws for a bad token: %#",
    async (token) => {
      expect(await validate(broker.url, token)).toMatchObject({
        valid: false,
        error: "token is invalid or expired",
        reason: "unknown",
      });
      expect(await app.validate(token)).toMatchObject({ valid: false });
    },
  );

  it("throws when the broker cannot be asked, for that says nothing of the token", async () => {
    await expect(validate("http://127.0.0.1:1", "a.b.c")).rejects.toThrow(TransportError);
  });
});

describe("errors", () => {
  it("have a class and a code each", async () => {
    const wrong = new DeputizeApp({
      brokerUrl: broker.url,
      clientId: "te-000000000000",
      clientSecret: "0".repeat(64),
    });
    const attempt = () => wrong.createAgent({ orchestration: "o", task: "t", scope: ["read:data:1"] });
    const refused = await attempt().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AuthenticationError);
    expect(refused).toBeInstanceOf(DeputizeError);
    expect(refused).toMatchObject({
      statusCode: 401,
      problem: { status: 401, request_id: expect.any(String) },
    });
    await attempt().catch(() => {});
    await attempt().catch(() => {});
    const limited = await attempt().catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(RateLimitError);
    expect(limited).toMatchObject({ code: "rate_limited", retryAfterSeconds: expect.any(Number) });

    await expect(agentFor(["delete:data:1"])).rejects.toThrow(AuthorizationError);
    await expect(agentFor(["read:data:1"], { privateKey: "no key" })).rejects.toThrow(CryptoError);
    const { privateKey } = generateKeyPairSync("ed448");
    await expect(agentFor(["read:data:1"], { privateKey })).rejects.toThrow(CryptoError);
    const gone = new DeputizeApp({
      brokerUrl: "http://127.0.0.1:1",
      clientId: "a",
      clientSecret: "b",
      retry: { attempts: 1 },
    });
    await expect(gone.health()).rejects.toThrow(TransportError);
    await expect(agentFor(["read:data:1"], { task: undefined as never })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  it("come from the caller's own abort as the caller gave it", async () => {
    const reason = new Error("not needed any more");
    await expect(agentFor(["read:data:1"], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("an app shared by everything in a process", () => {
  it("signs in once for many agents at a time [AW-F39]", async () => {
    const { fetch: counted, paths } = counting();
    const shared = await broker.newApp(CEILING, { fetch: counted });
    const agents = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        shared.createAgent({ orchestration: "many", task: `t${i}`, scope: [`read:data:${i}`] }),
      ),
    );
    expect(new Set(agents.map(({ agentId }) => agentId)).size).toBe(12);
    expect(paths.filter((path) => path === "/v1/app/auth")).toHaveLength(1);
    await Promise.all(agents.map((agent) => agent.release()));
    expect(await shared.validate(agents[3]?.accessToken ?? "")).toMatchObject({ valid: false });
  });

  it("signs in again when the broker knows its token no more [AW-F39]", async () => {
    let token = "";
    const watched: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (String(input).endsWith("/v1/app/auth"))
        token = ((await response.clone().json()) as { access_token: string }).access_token;
      return response;
    };
    const own = await broker.newApp(CEILING, { fetch: watched });
    await own.createAgent({ orchestration: "o", task: "before", scope: ["read:data:1"] });
    const jti = (
      JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string }
    ).jti;
    expect(await broker.operator.revoke({ level: "token", target: jti })).toEqual({
      count: expect.any(Number),
    });
    const first = token;
    await expect(
      own.createAgent({ orchestration: "o", task: "after", scope: ["read:data:1"] }),
    ).resolves.toMatchObject({ taskId: "after" });
    expect(token).not.toBe(first);
  });

  it("tells how the broker is, and ends [AW-F26]", async () => {
    const own = await broker.newApp(CEILING);
    const health = await own.health();
    expect(health).toMatchObject({ status: "ok", dbConnected: true });
    expect(health.uptime).toBeGreaterThan(0);
    await own.close();
    await expect(
      own.createAgent({ orchestration: "o", task: "t", scope: ["read:data:1"] }),
    ).rejects.toMatchObject({
      code: "config_invalid",
    });
  });

  it("stops renewing its agents when it is closed [AW-F39]", async () => {
    const own = await broker.newApp(CEILING);
    const failures: unknown[] = [];
    const agent = await own.createAgent({
      orchestration: "o",
      task: "t",
      scope: ["read:data:1"],
      maxTtl: 2,
      autoRenew: { onFailed: (error) => failures.push(error) },
    });
    const token = agent.accessToken;
    await own.close();
    await expect.poll(() => agent.validate(), { timeout: 5_000 }).toMatchObject({ reason: "expired" });
    expect(agent.accessToken).toBe(token);
    expect(failures).toEqual([]);
  });

  it("reads its settings from the environment, by either name [AW-F26]", async () => {
    const env = {
      AGENTWRIT_BROKER_URL: broker.url,
      DEPUTIZE_CLIENT_ID: "mine",
      AGENTWRIT_CLIENT_ID: "theirs",
      AGENTWRIT_CLIENT_SECRET: "s",
    };
    expect(DeputizeApp.fromEnv({}, env).brokerUrl).toBe(broker.url);
    expect(() => DeputizeApp.fromEnv({}, { ...env, AGENTWRIT_CLIENT_SECRET: "" })).toThrow(
      /DEPUTIZE_CLIENT_SECRET/,
    );
    expect(() => OperatorClient.fromEnv({}, env)).toThrow(/DEPUTIZE_ADMIN_SECRET/);
  });
});

describe("registering with a launch token of somebody else's", () => {
  it("needs nothing but the token, works once, and satisfies an app that demands the transcript [AW-D14]", async () => {
    const strict = await broker.newApp(["read:data:*"], { requireTranscript: true });
    const { launchToken } = await broker.operator.createLaunchToken({
      agentName: "worker",
      allowedScope: ["read:data:*"],
      appId: strict.appId,
    });
    const request = {
      brokerUrl: broker.url,
      launchToken,
      orchestration: "o",
      task: "t",
      scope: ["read:data:1"],
    };
    await using agent = await registerAgent(request);
    expect(await agent.validate()).toMatchObject({ valid: true, claims: { app_id: strict.appId } });
    await expect(registerAgent(request)).rejects.toThrow(AuthenticationError);
  });
});
