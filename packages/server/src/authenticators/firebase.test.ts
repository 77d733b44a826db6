/** Firebase against a server in Google's wire form: its JWK set, and the account lookup of Identity Toolkit. */
import type { JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock } from "@deputize/core";
import { authResponse } from "./auth-code.ts";
import { authenticatorChain } from "./chain.ts";
import { type FirebaseOptions, firebaseAuthenticator, firebaseIssuer } from "./firebase.ts";
import { ADMIN_TOKEN, type Provider, bearing, startProvider } from "./provider.fixture.ts";

const PROJECT = "my-app-12345";
const now = () => Math.floor(Date.now() / 1000);
let google: Provider;
let origin: string;
let clock: ManualClock;

beforeEach(async () => {
  google = await startProvider(firebaseIssuer(PROJECT));
  clock = manualClock(Date.now());
  ({ origin } = google);
});
afterEach(() => google.close());

const chainOf = (options: Partial<FirebaseOptions> = {}) =>
  authenticatorChain([
    firebaseAuthenticator({
      projectId: PROJECT,
      keysUrl: `${origin}/jwks`,
      clock,
      environment: {},
      ...options,
    }),
  ]);
const claimsOf = (): JWTPayload => ({
  aud: PROJECT,
  sub: "uid-ada",
  user_id: "uid-ada",
  auth_time: now() - 100,
  email: "ada@example.com",
  email_verified: true,
  name: "Ada",
  roles: ["editor"],
  firebase: { identities: {}, sign_in_provider: "password" },
});
const ask = async (claims: JWTPayload = claimsOf(), options: Partial<FirebaseOptions> = {}) => {
  const outcome = await chainOf(options).authenticate(bearing(await google.sign(claims)));
  return outcome.ok ? outcome.identity.userId : outcome.code;
};

describe("[AF-F11] Firebase", () => {
  it("says who a token is of", async () => {
    const outcome = await chainOf().authenticate(bearing(await google.sign(claimsOf())));
    expect(outcome).toMatchObject({
      ok: true,
      identity: {
        userId: "uid-ada",
        issuer: `https://securetoken.google.com/${PROJECT}`,
        email: "ada@example.com",
        username: "Ada",
        roles: ["editor"],
      },
    });
  });

  it.each<[string, JWTPayload, string]>([
    ["of another project", { aud: "other-project" }, "INVALID_TOKEN"],
    ["of another issuer", { iss: "https://securetoken.google.com/other-project" }, "INVALID_TOKEN"],
    ["without exp", { exp: undefined as unknown as number }, "INVALID_TOKEN"],
    ["that has expired", { exp: 1 }, "EXPIRED_TOKEN"],
    ["without iat", { iat: undefined as unknown as number }, "INVALID_TOKEN"],
    ["made in the future", { iat: now() + 500 }, "INVALID_TOKEN"],
    ["without auth_time", { auth_time: undefined }, "INVALID_TOKEN"],
    ["signed in in the future", { auth_time: now() + 500 }, "INVALID_TOKEN"],
    ["without sub", { sub: undefined as unknown as string }, "INVALID_TOKEN"],
    ["with a sub of 129 characters", { sub: "x".repeat(129) }, "INVALID_TOKEN"],
    ["with a sub of 128 characters", { sub: "x".repeat(128) }, "x".repeat(128)],
    ["of a tenant that nobody listed", { firebase: { tenant: "t1" } }, "INVALID_TOKEN"],
  ])("takes a token %s for what it is", async (_what, faulty, answer) => {
    const token = await google.sign({ ...claimsOf(), ...faulty });
    const outcome = await chainOf().authenticate(bearing(token));
    expect(outcome.ok ? outcome.identity.userId : outcome.code).toBe(answer);
  });

  it("takes RS256 alone", async () => {
    google.addKey("ec", "ES256");
    google.addKey("long", "RS512");
    for (const kid of ["ec", "long"])
      expect(await chainOf().authenticate(bearing(await google.sign(claimsOf(), { kid })))).toMatchObject({
        code: "INVALID_TOKEN",
      });
  });

  it("lets in listed tenants alone, and names them", async () => {
    const tenants = ["t1"];
    const outcome = await chainOf({ tenants }).authenticate(
      bearing(await google.sign({ ...claimsOf(), firebase: { tenant: "t1" } })),
    );
    expect(outcome).toMatchObject({ ok: true, identity: { tenantId: "t1" } });
    expect(await ask({ ...claimsOf(), firebase: { tenant: "t2" } }, { tenants })).toBe("INVALID_TOKEN");
    expect(await ask(claimsOf(), { tenants })).toBe("INVALID_TOKEN");
  });

  it("asks for a verified address where it is told to", async () => {
    const unverified = { ...claimsOf(), email_verified: false };
    expect(await ask(unverified)).toBe("uid-ada");
    expect(await ask(unverified, { verifiedEmail: true })).toBe("INVALID_TOKEN");
    expect(await ask(claimsOf(), { verifiedEmail: true })).toBe("uid-ada");
  });

  it("keeps keys for as long as Google says, asks once at a time, and bears an hour without Google", async () => {
    google.cacheControl = "public, max-age=20000, must-revalidate";
    const chain = chainOf();
    const long = { ...claimsOf(), exp: now() + 90_000 };
    const tokens = await Promise.all([1, 2, 3].map((at) => google.sign({ ...long, nonce: at })));
    const all = await Promise.all(tokens.map((token) => chain.authenticate(bearing(token))));
    expect(all.every((one) => one.ok)).toBe(true);
    expect(google.asked.get("/jwks")).toBe(1);
    clock.advance(19_000_000);
    expect(await chain.authenticate(bearing(tokens[0] ?? ""))).toMatchObject({ ok: true });
    expect(google.asked.get("/jwks")).toBe(1);
    google.down = true;
    clock.advance(2_000_000);
    expect(await chain.authenticate(bearing(tokens[0] ?? ""))).toMatchObject({ ok: true });
    expect(google.asked.get("/jwks")).toBe(2);
    clock.advance(3_600_000);
    expect(await chain.authenticate(bearing(tokens[0] ?? ""))).toMatchObject({ code: "AUTH_UNAVAILABLE" });
    google.down = false;
    google.removeKey("one");
    clock.advance(2000);
    expect(await chain.authenticate(bearing(tokens[0] ?? ""))).toMatchObject({ code: "INVALID_TOKEN" });
  });

  it("refuses users who are disabled, gone, or were signed out since", async () => {
    const accounts = { accessToken: () => ADMIN_TOKEN, url: origin, cacheSeconds: 0 };
    expect(await ask(claimsOf(), { accounts })).toBe("REVOKED_TOKEN");
    google.users.set("uid-ada", { validSince: String(now() - 1000) });
    expect(await ask(claimsOf(), { accounts })).toBe("uid-ada");
    google.users.set("uid-ada", { validSince: String(now() - 50) });
    expect(await ask(claimsOf(), { accounts })).toBe("REVOKED_TOKEN");
    google.users.set("uid-ada", { disabled: true });
    expect(await ask(claimsOf(), { accounts })).toBe("REVOKED_TOKEN");
  });

  it("says that it cannot tell when accounts cannot be asked, and keeps an answer for ten seconds", async () => {
    google.users.set("uid-ada", {});
    const chain = chainOf({ accounts: { accessToken: async () => ADMIN_TOKEN, url: origin } });
    const token = await google.sign(claimsOf());
    expect(await chain.authenticate(bearing(token))).toMatchObject({ ok: true });
    google.down = true;
    expect(await chain.authenticate(bearing(token))).toMatchObject({ ok: true });
    clock.advance(11_000);
    expect(await chain.authenticate(bearing(token))).toMatchObject({ code: "AUTH_UNAVAILABLE" });
    expect(() => chainOf({ accounts: { accessToken: () => "", cacheSeconds: 11 } })).toThrow(/0 to 10/);
  });

  it("refuses the emulator: its tokens always, its setting in production", async () => {
    const part = (one: object) => Buffer.from(JSON.stringify(one)).toString("base64url");
    const unsigned = `${part({ alg: "none", typ: "JWT" })}.${part({ ...claimsOf(), iss: firebaseIssuer(PROJECT), exp: now() + 60, iat: now() })}.`;
    const environment = { FIREBASE_AUTH_EMULATOR_HOST: "127.0.0.1:9099" };
    expect(await chainOf({ environment }).authenticate(bearing(unsigned))).toMatchObject({ ok: false });
    const start = (more: object) => () =>
      firebaseAuthenticator({ projectId: PROJECT, environment: { NODE_ENV: "production" }, ...more });
    expect(start({})).not.toThrow();
    expect(start({ environment: { MODE: "production", ...environment } })).toThrow(
      /EMULATOR_HOST is refused with MODE=production/,
    );
    expect(start({ keysUrl: `${origin}/jwks` })).toThrow(/`keysUrl` on this machine is refused/);
    expect(start({ projectId: "../evil" })).toThrow(/the project's id/);
  });

  it("[AF-D25] sends a client no word of a library", async () => {
    const outcome = await chainOf().authenticate(bearing(await google.sign({ ...claimsOf(), aud: "other" })));
    if (outcome.ok) throw new Error("accepted");
    const text = await authResponse(outcome, { requestId: "r" }).text();
    expect(JSON.parse(text)).toEqual({
      type: "urn:deputize:error:invalid_token",
      title: "invalid token",
      status: 401,
      detail: "the credential is not valid here; get a new one",
      code: "INVALID_TOKEN",
      request_id: "r",
    });
  });
});
