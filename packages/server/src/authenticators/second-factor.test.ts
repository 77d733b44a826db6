/** Second factors over a real store: codes, locks, recovery, and the sign-ins that they strengthen. */
import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import { Secret, TOTP } from "otpauth";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { agentMigrations } from "@deputize/agent";
import { type ManualClock, manualClock, newId, randomHex, systemClock } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { serverMigrations } from "../a2a/task-store.ts";
import { type Identity, identityOf } from "./authenticator.ts";
import { authenticatorChain } from "./chain.ts";
import { staleSignIn } from "./fresh-sign-in.ts";
import { jwtAuthenticator } from "./jwt.ts";
import { rowOwner } from "./owner.ts";
import { bearing } from "./provider.fixture.ts";
import { stepUpAuthenticator } from "./step-up.ts";
import { type SecondFactors, secondFactors } from "./totp.ts";

const KEY = randomHex(32);
const SECRET = randomHex(32);
let store: TestStore;
let clock: ManualClock;
let factors: SecondFactors;
let ada: Identity;

beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
});
afterAll(() => store?.close());
beforeEach(() => {
  clock = manualClock(Math.floor(Date.now() / 30_000) * 30_000);
  factors = secondFactors({ store, key: KEY, issuer: "Deputize", clock });
  ada = signedIn(`ada-${newId(systemClock)}`);
});

const signedIn = (userId: string, tokenId = newId(systemClock)): Identity =>
  identityOf("pw", { userId, tokenId, expiresAt: Math.floor(clock.nowMs() / 1000) + 3600 });
const codeAt = (uri: string, offset = 0) => {
  const secret = new URL(uri).searchParams.get("secret") ?? "";
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({
    timestamp: clock.nowMs() + offset * 30_000,
  });
};
/** A user with a second factor in use, some steps later. */
async function enrolled(who = ada) {
  const { uri } = await factors.enrol(who, "ada@example.com");
  const recovery = await factors.confirm(who, codeAt(uri));
  if (!recovery) throw new Error("the code was refused");
  clock.advance(120_000);
  return { uri, recovery };
}
const wrongOf = (uri: string) => {
  const near = [-1, 0, 1].map((offset) => codeAt(uri, offset));
  return ["000000", "111111", "222222", "333333"].find((code) => !near.includes(code)) ?? "";
};

describe("[AF-F11] a second factor", () => {
  it("is enrolled by a code, and shown once", async () => {
    const { uri, secret } = await factors.enrol(ada, "ada@example.com");
    expect(uri).toMatch(
      /^otpauth:\/\/totp\/Deputize:ada%40example\.com\?issuer=Deputize&secret=[A-Z2-7]{32}&/,
    );
    expect(uri).toContain(secret);
    expect(await factors.enrolled(ada)).toBe(false);
    expect(await factors.prove(ada, codeAt(uri))).toMatchObject({ ok: false });
    expect(await factors.confirm(ada, wrongOf(uri))).toBeUndefined();
    expect(await factors.confirm(ada, codeAt(uri))).toHaveLength(10);
    expect(await factors.enrolled(ada)).toBe(true);
    await expect(factors.enrol(ada, "ada")).rejects.toMatchObject({ code: "conflict" });
    await expect(factors.confirm(ada, codeAt(uri))).rejects.toMatchObject({ code: "not_found" });
  });

  it("is kept encrypted, bound to its user", async () => {
    const { uri } = await enrolled();
    const secret = Secret.fromBase32(new URL(uri).searchParams.get("secret") ?? "");
    const { person } = rowOwner(ada);
    const { rows } = await store.ownerQuery<{ secret: Buffer }>(
      "SELECT secret FROM authn.totp WHERE person = $1",
      [person],
    );
    const [row] = rows;
    expect(row?.secret.includes(Buffer.from(secret.bytes))).toBe(false);
    const bob = signedIn(`bob-${newId(systemClock)}`);
    await enrolled(bob);
    await store.ownerQuery("UPDATE authn.totp SET secret = $1 WHERE person = $2", [
      row?.secret,
      rowOwner(bob).person,
    ]);
    await expect(factors.prove(bob, codeAt(uri))).rejects.toMatchObject({ code: "config_invalid" });
    const others = secondFactors({ store, key: randomHex(32), issuer: "x", clock });
    await expect(others.prove(ada, codeAt(uri))).rejects.toMatchObject({ code: "config_invalid" });
    const both = secondFactors({ store, key: [randomHex(32), KEY], issuer: "x", clock });
    expect(await both.prove(ada, codeAt(uri))).toEqual({ ok: true });
    expect(() => secondFactors({ store, key: "short", issuer: "x" })).toThrow(/32 bytes/);
  });

  it.each([
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ])("takes the code of %i steps from now: %s", async (offset, ok) => {
    const { uri } = await enrolled();
    expect(await factors.prove(ada, codeAt(uri, offset))).toMatchObject({ ok });
  });

  it("[AF-D25] takes no code twice, not of a step before one that was taken, and once of many at one moment", async () => {
    const { uri } = await enrolled();
    const all = await Promise.all(Array.from({ length: 4 }, () => factors.prove(ada, codeAt(uri))));
    expect(all.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await factors.prove(ada, codeAt(uri, -1))).toMatchObject({ ok: false });
  });

  it("locks after five wrong tries in a row, however many come at once, for fifteen minutes", async () => {
    const { uri } = await enrolled();
    const wrong = wrongOf(uri);
    const all = await Promise.all(Array.from({ length: 12 }, () => factors.prove(ada, wrong)));
    expect(all.filter((one) => !one.ok && !one.locked)).toHaveLength(4);
    expect(await factors.prove(ada, codeAt(uri))).toMatchObject({ ok: false, locked: true });
    clock.advance(15 * 60_000 - 1000);
    expect(await factors.prove(ada, codeAt(uri))).toMatchObject({
      ok: false,
      locked: true,
      retryAfterSeconds: 1,
    });
    clock.advance(1000);
    expect(await factors.prove(ada, codeAt(uri))).toEqual({ ok: true });
  });

  it("counts wrong tries in a row alone", async () => {
    const { uri } = await enrolled();
    for (let round = 0; round < 3; round += 1) {
      for (let at = 0; at < 4; at += 1)
        expect(await factors.prove(ada, wrongOf(uri))).toEqual({ ok: false, locked: false });
      expect(await factors.prove(ada, codeAt(uri))).toEqual({ ok: true });
      clock.advance(60_000);
    }
  });

  it("is replaced by a recovery code, each once and each its user's", async () => {
    const { recovery } = await enrolled();
    const [first = "", second = ""] = recovery;
    expect(first).toMatch(/^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
    const { rows } = await store.ownerQuery("SELECT encode(hash, 'escape') AS h FROM authn.recovery_codes");
    expect(JSON.stringify(rows)).not.toContain(first.replaceAll("-", ""));
    expect(await factors.prove(ada, first)).toEqual({ ok: true });
    expect(await factors.prove(ada, first)).toMatchObject({ ok: false });
    const bob = signedIn(`bob-${newId(systemClock)}`);
    await enrolled(bob);
    expect(await factors.prove(bob, second)).toMatchObject({ ok: false });
    const all = await Promise.all(
      [1, 2, 3].map(() => factors.prove(ada, second.toLowerCase().replaceAll("-", " "))),
    );
    expect(all.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it("goes with all that it strengthened", async () => {
    const { uri } = await enrolled();
    await factors.prove(ada, codeAt(uri));
    expect(await factors.stepUpOf(ada)).toBeDefined();
    await factors.remove(ada);
    expect([await factors.enrolled(ada), await factors.stepUpOf(ada)]).toEqual([false, undefined]);
  });
});

describe("[AF-F11] a strengthened sign-in", () => {
  const first = () => jwtAuthenticator({ name: "password", secret: SECRET, clock });
  const tokenOf = (claims: object = {}) =>
    new SignJWT({ user_id: ada.userId, amr: ["pwd"], ...claims })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setJti(newId(systemClock))
      .setExpirationTime(Math.floor(clock.nowMs() / 1000) + 3600)
      .sign(createSecretKey(SECRET, "utf8"));
  const identify = async (token: string, path = "/threads", required?: { except: string[] }) => {
    const chain = authenticatorChain([
      stepUpAuthenticator({ first: first(), factors, ...(required && { required }) }),
    ]);
    return chain.authenticate(bearing(token, path));
  };
  const identityFor = async (token: string) => {
    const outcome = await identify(token);
    if (!outcome.ok) throw new Error(outcome.code);
    return outcome.identity;
  };

  it("is that of one token, says how and when, and not what the token says of a second factor", async () => {
    const token = await tokenOf({ amr: ["pwd", "otp", "mfa"] });
    const before = await identityFor(token);
    expect(before.amr).toEqual(["pwd"]);
    const owner = { issuer: before.issuer, userId: before.userId };
    const { uri } = await factors.enrol(owner, "ada");
    await factors.confirm(owner, codeAt(uri));
    clock.advance(60_000);
    expect(await factors.prove(before, codeAt(uri))).toEqual({ ok: true });
    const after = await identityFor(token);
    expect(after).toMatchObject({ amr: ["pwd", "otp", "mfa"], authTime: Math.floor(clock.nowMs() / 1000) });
    expect(JSON.stringify(after)).not.toContain(new URL(uri).searchParams.get("secret"));
    expect((await identityFor(await tokenOf())).amr).toEqual(["pwd"]);
    // Somebody else's token of the same id is another sign-in.
    const bob = identityOf("password", { userId: "bob", ...(after.tokenId && { tokenId: after.tokenId }) });
    expect(await factors.stepUpOf(bob)).toBeUndefined();
  });

  it("is asked for by each route, and only for so long", async () => {
    const token = await tokenOf();
    const identity = await identityFor(token);
    await factors.strengthen(identity, ["hwk"]);
    const rule = { maxAgeSeconds: 300, amr: ["hwk"], clock };
    expect(staleSignIn(identity, rule)).toMatchObject({
      code: "INSUFFICIENT_USER_AUTHENTICATION",
      challenge: 'Bearer error="insufficient_user_authentication", max_age="300"',
    });
    expect(staleSignIn(await identityFor(token), rule)).toBeUndefined();
    expect(staleSignIn(await identityFor(token), { ...rule, amr: ["otp"] })).toBeDefined();
    clock.advance(301_000);
    expect(staleSignIn(await identityFor(token), rule)).toBeDefined();
    expect(
      staleSignIn(
        { ...identity, authTime: Math.floor(clock.nowMs() / 1000) + 60 },
        { maxAgeSeconds: 300, clock },
      ),
    ).toBeDefined();
    expect(() => staleSignIn(identity, {})).toThrow(/maxAgeSeconds/);
  });

  it("may be required everywhere but where it is proved", async () => {
    const required = { except: ["/auth/second-factor"] };
    const token = await tokenOf();
    expect(await identify(token, "/threads", required)).toMatchObject({
      code: "INSUFFICIENT_USER_AUTHENTICATION",
    });
    const outcome = await identify(token, "/auth/second-factor", required);
    if (!outcome.ok) throw new Error(outcome.code);
    await factors.strengthen(outcome.identity, ["otp"]);
    expect(await identify(token, "/threads", required)).toMatchObject({ ok: true });
    expect(() => stepUpAuthenticator({ first: first(), factors, required: { except: [] } })).toThrow(
      /names the path/,
    );
  });

  it("[AF-D25] is nobody's by a code beside the token, nor without a token id", async () => {
    const token = await tokenOf();
    expect(await identify(`${token}:123456`)).toMatchObject({ ok: false, code: "INVALID_TOKEN" });
    const nameless = identityOf("password", { userId: ada.userId });
    await expect(factors.strengthen(nameless, ["otp"])).rejects.toMatchObject({ code: "invalid_request" });
    expect(await factors.stepUpOf(nameless)).toBeUndefined();
  });

  it("ends with its token, and is forgotten then", async () => {
    const identity = await identityFor(await tokenOf());
    await factors.strengthen(identity, ["otp"]);
    clock.advance(3_601_000);
    expect(await factors.stepUpOf(identity)).toBeUndefined();
    await factors.strengthen(signedIn("other"), ["otp"]);
    const { rows } = await store.ownerQuery("SELECT 1 FROM authn.step_ups WHERE expires_at <= $1", [
      new Date(clock.nowMs()),
    ]);
    expect(rows).toHaveLength(0);
  });
});
