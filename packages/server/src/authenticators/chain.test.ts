/** The chain over the contract, and what its answers are over HTTP. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { DeputizeError } from "@deputize/core";
import { type AuthCode, AUTH_CODES, authResponse } from "./auth-code.ts";
import { type Authenticator, SKIP, rejected } from "./authenticator.ts";
import { type RefusalNote, authenticatorChain } from "./chain.ts";
import { bearing } from "./provider.fixture.ts";

const accepts = (name: string, identity: object = { userId: name }): Authenticator => ({
  name,
  authenticate: async () => ({ ok: true, identity: identity as { userId: string } }),
});
const skips = (name = "skips"): Authenticator => ({ name, authenticate: async () => SKIP });
const rejects = (code: AuthCode = "REVOKED_TOKEN"): Authenticator => ({
  name: "rejects",
  authenticate: async () => rejected(code, "no"),
});
const ask = (list: readonly Authenticator[], request = bearing("t")) =>
  authenticatorChain(list, { timeoutMs: 50 }).authenticate(request);
const codeOf = async (list: readonly Authenticator[], request?: Request) => {
  const outcome = await ask(list, request);
  return outcome.ok ? outcome.identity.userId : outcome.code;
};

describe("a chain of authenticators", () => {
  it("[AF-F10] goes on past who skips and ends at who rejects", async () => {
    expect(await codeOf([skips(), accepts("ada")])).toBe("ada");
    expect(await codeOf([accepts("ada"), rejects()])).toBe("ada");
    expect(await codeOf([skips(), rejects(), accepts("ada")])).toBe("REVOKED_TOKEN");
  });

  it("is nobody's guest when all skip", async () => {
    expect(await codeOf([skips()])).toBe("INVALID_TOKEN");
    expect(await codeOf([skips()], new Request("http://x/threads"))).toBe("UNAUTHENTICATED");
    expect(
      await codeOf([skips()], new Request("http://x/threads", { headers: { authorization: "Basic x" } })),
    ).toBe("INVALID_TOKEN");
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["an empty object", {}],
    ["true", true],
    ["an identity of nothing", { ok: true }],
    ["an empty identity", { ok: true, identity: {} }],
    ["an empty user", { ok: true, identity: { userId: "" } }],
    ["half a character for a user", { ok: true, identity: { userId: "\ud800" } }],
    ["a number for a user", { ok: true, identity: { userId: 7 } }],
    ["roles as text", { ok: true, identity: { userId: "ada", roles: "administrator" } }],
    ["a member that does not exist", { ok: true, identity: { userId: "ada", admin: true } }],
    ["a code that does not exist", { ok: false, skip: false, code: "FINE" }],
  ])("[AF-D06] takes %s for a rejection, never for a guest", async (_what, outcome) => {
    const odd = { name: "odd", authenticate: async () => outcome } as unknown as Authenticator;
    expect(await codeOf([odd, accepts("ada")])).toBe("INVALID_TOKEN");
  });

  it.each([
    ["throws", () => Promise.reject(new Error("password of ada is wrong"))],
    [
      "throws at once",
      () => {
        throw new Error("password of ada is wrong");
      },
    ],
  ])("rejects when one %s, and says nothing of what was thrown", async (_how, authenticate) => {
    const notes: RefusalNote[] = [];
    const chain = authenticatorChain([{ name: "broken", authenticate }, accepts("ada")], {
      onRefusal: (note) => notes.push(note),
    });
    const outcome = await chain.authenticate(bearing("t"));
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_TOKEN" });
    expect(JSON.stringify([outcome, notes])).not.toContain("password");
    expect(notes).toEqual([
      { authenticator: "broken", code: "INVALID_TOKEN", reason: "the authenticator threw" },
    ]);
  });

  it("answers the same when whoever is told of a refusal throws", async () => {
    const chain = authenticatorChain([rejects("EXPIRED_TOKEN")], {
      onRefusal: () => {
        throw new Error("the disk is full");
      },
    });
    expect(await chain.authenticate(bearing("t"))).toMatchObject({ code: "EXPIRED_TOKEN" });
  });

  it("takes a provider that cannot be asked for that", async () => {
    const away = {
      name: "away",
      authenticate: () => Promise.reject(new DeputizeError("unavailable", "x", { retryAfterSeconds: 7 })),
    };
    expect(await ask([away, accepts("ada")])).toMatchObject({
      code: "AUTH_UNAVAILABLE",
      retryAfterSeconds: 7,
    });
  });

  it("[AF-D05] gives up on one that is slow, tells it, and serves others meanwhile", async () => {
    let aborted = false;
    const slow: Authenticator = {
      name: "slow",
      authenticate: (request, signal) => {
        if (request.bearer !== "slow") return Promise.resolve({ ok: true, identity: { userId: "ada" } });
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted = true;
            reject(new Error("aborted"));
          });
        });
      },
    };
    const chain = authenticatorChain([slow], { timeoutMs: 100 });
    const order: string[] = [];
    const first = chain.authenticate(bearing("slow")).then((outcome) => {
      order.push("slow");
      return outcome;
    });
    await chain.authenticate(bearing("fast")).then(() => order.push("fast"));
    expect(await first).toMatchObject({ ok: false, code: "AUTH_UNAVAILABLE" });
    expect(order).toEqual(["fast", "slow"]);
    expect(aborted).toBe(true);
  });

  it("lets nobody take more than two seconds", () => {
    expect(() => authenticatorChain([skips()], { timeoutMs: 2001 })).toThrow(/at most 2000/);
    expect(() => authenticatorChain([])).toThrow(/one authenticator or more/);
    expect(() => authenticatorChain([skips(), skips()])).toThrow(/name of its own/);
  });

  it("shares one question among those who ask for the same, where the authenticator says so", async () => {
    let asked = 0;
    const shared: Authenticator = {
      name: "shared",
      flightKey: ({ bearer }) => bearer,
      authenticate: async ({ bearer = "" }) => {
        asked += 1;
        await sleep(5);
        return { ok: true, identity: { userId: bearer } };
      },
    };
    const chain = authenticatorChain([shared]);
    const tokens = ["a", "b", "a", "a", "b"];
    const users = await Promise.all(tokens.map((token) => chain.authenticate(bearing(token))));
    expect(users.map((one) => one.ok && one.identity.userId)).toEqual(tokens);
    expect(asked).toBe(2);
    await chain.authenticate(bearing("a"));
    expect(asked).toBe(3);
  });

  it("freezes the identity, and gives it an issuer of its own", async () => {
    const outcome = await ask([
      accepts("mine", { userId: "ada", roles: ["a"], claims: { deep: { er: 1 } } }),
    ]);
    if (!outcome.ok) throw new Error("refused");
    const { identity } = outcome;
    expect(identity.issuer).toBe("urn:deputize:authenticator:mine");
    expect(() => (identity.roles as string[]).push("admin")).toThrow(TypeError);
    expect(() => Object.assign(identity, { userId: "bob" })).toThrow(TypeError);
    expect(() => Object.assign(identity.claims["deep"] as object, { er: 2 })).toThrow(TypeError);
  });

  it.each([
    ["two headers", { authorization: "Bearer a", "x-api-key": "b" }, "/"],
    ["a cookie beside a token", { authorization: "Bearer a", cookie: "s=1" }, "/"],
    ["a token in the address", {}, "/?token=abc"],
    ["a bearer header of two tokens", { authorization: "Bearer a, Bearer b" }, "/"],
    ["a bearer header without one", { authorization: "Bearer" }, "/"],
    ["a token of 9000 characters", { authorization: `Bearer ${"a".repeat(9000)}` }, "/"],
  ])("[SR-26] refuses %s before anybody is asked", async (_what, headers, path) => {
    let asked = false;
    const nosy: Authenticator = {
      name: "nosy",
      authenticate: async () => {
        asked = true;
        return { ok: true, identity: { userId: "ada" } };
      },
    };
    expect(
      await codeOf(
        [nosy],
        new Request(`http://x${path}`, { headers: headers as unknown as Record<string, string> }),
      ),
    ).toBe("INVALID_TOKEN");
    expect(asked).toBe(false);
  });

  it("shows no body, and reads a socket's token from its protocols alone", async () => {
    const seen: unknown[] = [];
    const looks: Authenticator = {
      name: "looks",
      authenticate: async (request) => {
        seen.push(request);
        return SKIP;
      },
    };
    const chain = authenticatorChain([looks]);
    await chain.authenticate(new Request("http://x/a?q=1", { method: "POST", body: "user_id=admin" }));
    const headers = { "sec-websocket-protocol": "agentflow-bearer, a.b.c" };
    await chain.authenticate(new Request("http://x/ws", { headers }), { transport: "ws" });
    await chain.authenticate(new Request("http://x/ws", { headers }));
    const [post, socket, plain] = seen as { bearer?: string }[];
    expect(Object.keys(post ?? {}).toSorted()).toEqual(["headers", "method", "path", "transport"]);
    expect(socket?.bearer).toBe("a.b.c");
    expect(plain?.bearer).toBeUndefined();
  });
});

describe("[AF-D04] the answer to a refusal", () => {
  const REQUEST = "req-1";
  it.each([
    ["UNAUTHENTICATED", 401, "Bearer", 403, "REVOKED_TOKEN"],
    ["INVALID_TOKEN", 401, 'Bearer error="invalid_token"', 403, "INVALID_TOKEN"],
    [
      "EXPIRED_TOKEN",
      401,
      'Bearer error="invalid_token", error_description="the token has expired"',
      403,
      "EXPIRED_TOKEN",
    ],
    ["REVOKED_TOKEN", 401, 'Bearer error="invalid_token"', 403, "REVOKED_TOKEN"],
    [
      "INSUFFICIENT_USER_AUTHENTICATION",
      401,
      'Bearer error="insufficient_user_authentication"',
      403,
      "INVALID_TOKEN",
    ],
    ["INSUFFICIENT_SCOPE", 403, 'Bearer error="insufficient_scope"', 403, undefined],
    ["FORBIDDEN", 403, null, 403, "HTTPException"],
    ["RATE_LIMIT_EXCEEDED", 429, null, 429, "RATE_LIMIT_EXCEEDED"],
    ["AUTH_UNAVAILABLE", 503, null, 500, undefined],
  ] as const)(
    "%s is %i, and of the original's in its mode",
    async (code, status, challenge, there, theirs) => {
      const refusal = rejected(code, "secret reason", { retryAfterSeconds: 2.2 });
      const ours = authResponse(refusal, { requestId: REQUEST });
      expect([ours.status, ours.headers.get("www-authenticate")]).toEqual([status, challenge]);
      expect(ours.headers.get("retry-after")).toBe("3");
      expect(ours.headers.get("content-type")).toBe("application/problem+json");
      const text = await ours.text();
      expect(JSON.parse(text)).toMatchObject({ code, status, request_id: REQUEST });
      const compat = authResponse(refusal, { requestId: REQUEST, compat: "agentflow" });
      expect(compat.status).toBe(there);
      const envelope = (await compat.json()) as { error: { code?: string }; metadata: object };
      expect(envelope.error.code).toBe(theirs);
      expect(envelope.metadata).toEqual({ request_id: REQUEST });
      expect(text + JSON.stringify(envelope)).not.toContain("secret");
    },
  );

  it("exists for every code", () => {
    expect(AUTH_CODES).toHaveLength(9);
  });
});
