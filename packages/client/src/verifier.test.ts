import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock } from "@deputize/core";
import {
  AGENT,
  ALICE,
  AUDIENCE,
  type FakeAuthority,
  GRANT,
  ISSUER,
  fakeAuthority,
  testKey,
} from "./testing/fake-authority.ts";
import { assertVerified } from "./token/verified-caller.ts";
import type { TokenVerifier } from "./verifier-core.ts";
import { createVerifier } from "./verifier.ts";

const START = Date.UTC(2026, 10, 22);
let clock: ManualClock;
let authority: FakeAuthority;
let verifier: TokenVerifier;

beforeEach(async () => {
  clock = manualClock(START);
  authority = fakeAuthority(clock);
  verifier = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: authority.fetch, clock });
});
afterEach(() => verifier.close());

const verify = (token: string, audience = AUDIENCE) => verifier.verify(token, { audience });
const invalid = { code: "invalid_token" };

describe("a token", () => {
  it("makes the caller that it speaks of", async () => {
    const caller = await verify(
      authority.sign(authority.claims({ act: { sub: AGENT }, client_id: AGENT, task_id: "t1" })),
    );
    expect(caller).toMatchObject({
      tenant: "default",
      subject: ALICE,
      subjectKind: "user",
      actors: [AGENT],
      roles: ["customer"],
      scopes: ["read:orders:*"],
      grants: [GRANT],
      task: "t1",
    });
    expect(caller.session).toBeUndefined();
  });

  it("makes a caller that nobody can change or imitate [SR-09]", async () => {
    const caller = await verify(authority.sign());
    expect(Object.isFrozen(caller) && Object.isFrozen(caller.scopes) && Object.isFrozen(caller.grants)).toBe(
      true,
    );
    expect(() => assertVerified(caller)).not.toThrow();
    expect(() => assertVerified({ ...caller })).toThrow();
  });

  it.each([
    ["another issuer", { iss: "https://other.example" }],
    ["another audience", { aud: "https://tool.example" }],
    ["an expiry now", { exp: START / 1000 }],
    ["a start in the future", { nbf: START / 1000 + 60 }],
    ["an issue in the future", { iat: START / 1000 + 60 }],
    ["no audience", { aud: undefined }],
    ["no expiry", { exp: undefined }],
    ["no jti", { jti: undefined }],
    ["no subject", { sub: undefined }],
    ["no grants", { grants: [] }],
    ["no client", { client_id: undefined }],
    ["a subject that is no id", { sub: "alice" }],
  ])("is refused with %s [SR-09]", async (_what, change) => {
    await expect(verify(authority.sign(authority.claims(change)))).rejects.toMatchObject(invalid);
  });

  it("is refused when it is bound to a key that nobody checked [SR-25]", async () => {
    await expect(verify(authority.sign(authority.claims({ cnf: { jkt: "x" } })))).rejects.toMatchObject(
      invalid,
    );
    await expect(verify(authority.sign(authority.claims({ cnf: null })))).rejects.toMatchObject(invalid);
  });

  it("is refused without an epoch for each principal of its path [SR-12]", async () => {
    const claims = authority.claims({ act: { sub: AGENT }, epochs: { [ALICE]: 3 } });
    await expect(verify(authority.sign(claims))).rejects.toMatchObject(invalid);
  });

  it.each(["JWT", "AT+JWT", "application/at+jwt", "id_token"])(
    "is refused as typ %s [SR-09]",
    async (typ) => {
      await expect(verify(authority.sign(undefined, { typ }))).rejects.toMatchObject(invalid);
    },
  );

  it("is refused by another key under a published name", async () => {
    const forged = authority.sign(undefined, { by: testKey(), kid: authority.key.jwk.kid });
    await expect(verify(forged)).rejects.toMatchObject(invalid);
  });

  it("is refused when no audience is asked about", async () => {
    await expect(verify(authority.sign(), "")).rejects.toMatchObject({ code: "config_invalid" });
  });

  it("stands for a session only when nobody acts through it [SR-05]", async () => {
    const session = { sid: "s1", auth_time: START / 1000 };
    const own = await verify(authority.sign(authority.claims(session)));
    const through = await verify(authority.sign(authority.claims({ ...session, act: { sub: AGENT } })));
    expect(own.session).toEqual({ id: "s1", authenticatedAt: START / 1000 });
    expect(through.session).toBeUndefined();
  });
});

describe("a token already seen", () => {
  it("is not verified again, and expires all the same", async () => {
    const token = authority.sign();
    const first = await verify(token);
    expect(await verify(token)).toBe(first);
    clock.advance(600_000);
    await expect(verify(token)).rejects.toMatchObject(invalid);
  });

  it("does not vouch for a forgery with its jti, or for another audience", async () => {
    const claims = authority.claims();
    const token = authority.sign(claims);
    await verify(token);
    const forged = authority.sign(
      { ...claims, scope: "cancel:orders:*" },
      { by: testKey(), kid: authority.key.jwk.kid },
    );
    await expect(verify(forged)).rejects.toMatchObject(invalid);
    const [head, body] = token.split(".");
    await expect(verify(`${head}.${body}.${forged.split(".")[2]}`)).rejects.toMatchObject(invalid);
    await expect(verify(token, "https://tool.example")).rejects.toMatchObject(invalid);
  });
});

describe("a revocation", () => {
  it.each([
    ["of its grant", () => authority.revoke("grant", GRANT)],
    ["of itself", () => authority.revoke("jti", `${ISSUER} jti-of-this-token`)],
    ["of its subject's epoch", () => authority.revoke("principal_epoch", `default/${ALICE}`, 4)],
    ["of its actor's epoch", () => authority.revoke("principal_epoch", `default/${AGENT}`, 2)],
  ])("%s is seen within a second, also by a token already seen [SR-11] [SR-12]", async (_what, revoke) => {
    const token = authority.sign(authority.claims({ act: { sub: AGENT }, jti: "jti-of-this-token" }));
    await verify(token);
    revoke();
    clock.advance(751);
    await expect(verify(token)).rejects.toMatchObject(invalid);
  });

  it.each([
    ["another grant", () => authority.revoke("grant", AGENT)],
    ["another issuer's jti", () => authority.revoke("jti", `https://other.example jti-of-this-token`)],
    ["the epoch that it carries", () => authority.revoke("principal_epoch", `default/${ALICE}`, 3)],
    ["another tenant's principal", () => authority.revoke("principal_epoch", `other/${ALICE}`, 9)],
  ])("of %s leaves it standing", async (_what, revoke) => {
    const token = authority.sign(authority.claims({ jti: "jti-of-this-token" }));
    await verify(token);
    revoke();
    clock.advance(751);
    await expect(verify(token)).resolves.toBeDefined();
  });

  it("counts by epochs, not by clocks that differ [SR-12]", async () => {
    authority.revoke("principal_epoch", `default/${ALICE}`, 4);
    for (const skew of [-5, 0, 5]) {
      const iat = START / 1000 + skew;
      const old = authority.sign(authority.claims({ iat, nbf: iat }));
      const next = authority.sign(authority.claims({ iat, nbf: iat, epochs: { [ALICE]: 4 } }));
      await expect(verify(old)).rejects.toMatchObject(invalid);
      await expect(verify(next)).resolves.toBeDefined();
    }
  });

  it("is seen in the background before knowledge is too old", async () => {
    const token = authority.sign();
    await verify(token);
    authority.revoke("grant", GRANT);
    clock.advance(300);
    await verify(token);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(verify(token)).rejects.toMatchObject(invalid);
  });
});

describe("when the feed is cut", () => {
  it("the authority is asked about the token, and its word is taken [SR-11]", async () => {
    const [good, bad] = [authority.sign(), authority.sign()];
    await verify(good);
    await verify(bad);
    authority.cut.feed = true;
    authority.dead.add(bad);
    clock.advance(751);
    await expect(verify(good)).resolves.toBeDefined();
    await expect(verify(bad)).rejects.toMatchObject(invalid);
  });

  it("the token is refused when the authority cannot be asked either [SR-11]", async () => {
    const token = authority.sign();
    await verify(token);
    authority.cut.feed = true;
    authority.cut.check = true;
    clock.advance(750);
    await expect(verify(token)).resolves.toBeDefined();
    clock.advance(1);
    await expect(verify(token)).rejects.toMatchObject({ code: "unavailable" });
    authority.cut.feed = false;
    clock.advance(101);
    await expect(verify(token)).resolves.toBeDefined();
  });

  it("what was known as revoked stays refused without asking", async () => {
    const token = authority.sign();
    authority.revoke("grant", GRANT);
    await expect(verify(token)).rejects.toMatchObject(invalid);
    authority.cut.feed = true;
    clock.advance(10_000);
    await expect(verify(token)).rejects.toMatchObject(invalid);
    expect(authority.asked.check).toBe(0);
  });

  it("many questions about one token are one [SR-11]", async () => {
    const token = authority.sign();
    await verify(token);
    authority.cut.feed = true;
    clock.advance(751);
    await Promise.all(Array.from({ length: 50 }, () => verify(token)));
    expect(authority.asked.check).toBeLessThanOrEqual(2);
  });

  it("many questions about many tokens are bounded [SR-11]", async () => {
    const tokens = Array.from({ length: 100 }, () => authority.sign());
    for (const token of tokens) await verify(token);
    authority.cut.feed = true;
    clock.advance(751);
    const outcomes = await Promise.allSettled(tokens.map((token) => verify(token)));
    expect(authority.asked.check).toBeLessThanOrEqual(64);
    expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  });
});

describe("the feed's age", () => {
  it("counts from the question, so that a buffered answer is old [SR-11]", async () => {
    const token = authority.sign();
    await verify(token);
    authority.beforeFeedAnswers = async () => {
      // The answer was read before the revocation and arrives 800 ms later.
      authority.beforeFeedAnswers = async () => {};
      authority.revoke("grant", GRANT);
      authority.dead.add(token);
      clock.advance(800);
    };
    clock.advance(751);
    await expect(verify(token)).rejects.toMatchObject(invalid);
  });

  it("does not take a delta that leaves a gap; it asks for the whole [SR-11]", async () => {
    const token = authority.sign();
    await verify(token);
    authority.revoke("grant", GRANT);
    const honest = authority.fetch;
    let lied = 0;
    const lying: typeof fetch = async (input, init) => {
      const response = await honest(input, init);
      if (!String(input).includes("after=")) return response;
      lied += 1;
      return Response.json({ epoch: authority.epoch, from: 7, position: 9, entries: [] });
    };
    const other = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: lying, clock });
    await expect(other.verify(token, { audience: AUDIENCE })).rejects.toMatchObject(invalid);
    clock.advance(751);
    await expect(other.verify(token, { audience: AUDIENCE })).rejects.toMatchObject(invalid);
    expect(lied).toBe(1);
  });

  it("a new epoch voids keys and seen tokens, also for a token in flight [SR-11] [SR-21]", async () => {
    const token = authority.sign();
    await verify(token);
    const old = authority.key;
    authority.key = testKey();
    authority.published = [authority.key.jwk];
    authority.epoch = "second";
    authority.position = 0;
    clock.advance(751);
    await expect(verify(token)).rejects.toMatchObject(invalid);
    await expect(verify(authority.sign(undefined, { by: old }))).rejects.toMatchObject(invalid);
    await expect(verify(authority.sign())).resolves.toBeDefined();
  });

  it("may not be configured past the bound", async () => {
    await expect(
      createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, maxStaleMs: 5000 }),
    ).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("keys", () => {
  it("are asked for again when a new one signs, and strangers cannot make that a flood", async () => {
    await verify(authority.sign());
    const before = authority.asked.keys;
    for (let i = 0; i < 20; i += 1) {
      await expect(verify(authority.sign(undefined, { by: testKey() }))).rejects.toMatchObject(invalid);
    }
    expect(authority.asked.keys - before).toBeLessThanOrEqual(1);
    const next = testKey();
    authority.key = next;
    authority.published.push(next.jwk);
    clock.advance(5_001);
    await expect(verify(authority.sign())).resolves.toBeDefined();
  });

  it("that were unpublished stop counting within ten minutes", async () => {
    await verify(authority.sign());
    const token = authority.sign(authority.claims({ exp: START / 1000 + 3600 }));
    authority.published = [testKey().jwk];
    clock.advance(600_001);
    await expect(verify(token)).rejects.toMatchObject(invalid);
  });

  it("that cannot be read mean no", async () => {
    authority.cut.keys = true;
    await expect(verify(authority.sign())).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("watching a stream's caller", () => {
  it("tells of the revocation once [SR-26]", async () => {
    const caller = await verify(authority.sign());
    const ended: string[] = [];
    verifier.watch(caller, (reason) => ended.push(reason.code));
    authority.revoke("grant", GRANT);
    clock.advance(751);
    await expect.poll(() => ended, { timeout: 2000 }).toEqual(["invalid_token"]);
  });

  it("tells when the authority began anew, with other keys [SR-21] [SR-26]", async () => {
    const caller = await verify(authority.sign());
    const ended: string[] = [];
    verifier.watch(caller, (reason) => ended.push(reason.code));
    authority.key = testKey();
    authority.published = [authority.key.jwk];
    authority.epoch = "second";
    authority.position = 0;
    clock.advance(751);
    await expect.poll(() => ended, { timeout: 2000 }).toEqual(["invalid_token"]);
  });

  it("goes on through a new epoch that kept the key", async () => {
    const caller = await verify(authority.sign());
    const ended: string[] = [];
    verifier.watch(caller, (reason) => ended.push(reason.code));
    authority.epoch = "second";
    clock.advance(751);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(ended).toEqual([]);
  });

  it("is refused for a caller that this verifier did not make", () => {
    expect(() => verifier.watch({} as never, () => {})).toThrow();
  });
});
