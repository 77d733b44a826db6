/** OAuth 2.0 and OpenID Connect against a provider over HTTP: discovery, keys, introspection, userinfo. */
import type { JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock } from "@deputize/core";
import { authenticatorChain } from "./chain.ts";
import { oidcProfile } from "./oidc-profile.ts";
import { type OidcOptions, oidcAuthenticator } from "./oidc.ts";
import { CLIENT, type Provider, bearing, startProvider } from "./provider.fixture.ts";

const AUDIENCE = "https://api.example";
const now = () => Math.floor(Date.now() / 1000);
let login: Provider;
let clock: ManualClock;

beforeEach(async () => {
  login = await startProvider();
  clock = manualClock(Date.now());
});
afterEach(() => login.close());

const chainOf = (options: Partial<OidcOptions> = {}) =>
  authenticatorChain([oidcAuthenticator({ issuer: login.issuer, audience: AUDIENCE, clock, ...options })]);
type Chain = ReturnType<typeof chainOf>;
const answer = async (chain: Chain, token: string) => {
  const outcome = await chain.authenticate(bearing(token));
  return outcome.ok ? outcome.identity.userId : outcome.code;
};
const claimsOf = (more: JWTPayload = {}): JWTPayload => ({
  aud: AUDIENCE,
  sub: "ada",
  azp: "spa",
  scope: "graph:invoke graph:read",
  ...more,
});

describe("[AF-F11] signed tokens of a provider", () => {
  it("are checked here, with what discovery finds", async () => {
    const chain = chainOf();
    const outcome = await chain.authenticate(
      bearing(await login.sign(claimsOf({ jti: "t1" }), { typ: "at+jwt" })),
    );
    expect(outcome).toMatchObject({
      ok: true,
      identity: {
        userId: "ada",
        issuer: login.issuer,
        scopes: ["graph:invoke", "graph:read"],
        tokenId: "t1",
      },
    });
    expect([...login.asked]).toEqual([
      ["/.well-known/oauth-authorization-server", 1],
      ["/.well-known/openid-configuration", 1],
      ["/jwks", 1],
    ]);
  });

  it.each<[string, JWTPayload, { typ?: string; keepIssuer?: boolean }, string]>([
    ["for somebody else's API", { aud: "https://other.example" }, {}, "INVALID_TOKEN"],
    ["of another issuer", { iss: "https://evil.example" }, { keepIssuer: true }, "INVALID_TOKEN"],
    ["that has expired", { exp: 1 }, {}, "EXPIRED_TOKEN"],
    ["not valid yet", { nbf: now() + 100 }, {}, "INVALID_TOKEN"],
    ["without a sub", { sub: undefined as unknown as string, user_id: "ada" }, {}, "INVALID_TOKEN"],
    ["of another type", {}, { typ: "logout+jwt" }, "INVALID_TOKEN"],
    ["of another client", { azp: "evil" }, {}, "INVALID_TOKEN"],
    ["of two clients", { client_id: "evil" }, {}, "INVALID_TOKEN"],
    ["of no client", { azp: undefined }, {}, "INVALID_TOKEN"],
    ["of a client that is listed", {}, {}, "ada"],
  ])("[AF-D25] one %s", async (_what, claims, header, said) => {
    expect(await answer(chainOf({ clients: ["spa"] }), await login.sign(claimsOf(claims), header))).toBe(
      said,
    );
  });

  it("of ID tokens are refused where access tokens have a type of their own", async () => {
    const chain = chainOf({ types: ["at+jwt"] });
    expect(await answer(chain, await login.sign(claimsOf(), { typ: "JWT" }))).toBe("INVALID_TOKEN");
    expect(await answer(chain, await login.sign(claimsOf(), { typ: "at+jwt" }))).toBe("ada");
  });

  it("need an issuer and an audience at the start", () => {
    expect(() => chainOf({ audience: [] })).toThrow(/audience/);
    expect(() => chainOf({ issuer: "" })).toThrow(/issuer/);
    expect(() => chainOf({ issuer: "http://login.example" })).toThrow(/https/);
  });
});

describe("[AF-F11] opaque tokens", () => {
  const introspection = { ...CLIENT };
  const active = (more: object = {}) => ({
    active: true,
    sub: "ada",
    aud: AUDIENCE,
    exp: now() + 600,
    client_id: "spa",
    ...more,
  });
  const asked = () => login.asked.get("/introspect") ?? 0;

  it("are not this authenticator's while it may ask nobody", async () => {
    expect(await answer(chainOf(), "opaque")).toBe("INVALID_TOKEN");
    expect(asked()).toBe(0);
  });

  it("are asked about, once for all who come with one, and kept for a while", async () => {
    login.opaque.set("tok", active({ iss: login.issuer, scope: "graph:read", username: "ada_l" }));
    const chain = chainOf({ introspection, clients: ["spa"] });
    const all = await Promise.all([1, 2, 3, 4].map(() => chain.authenticate(bearing("tok"))));
    expect(all[0]).toMatchObject({
      ok: true,
      identity: { userId: "ada", scopes: ["graph:read"], username: "ada_l" },
    });
    expect(all.every((one) => one.ok)).toBe(true);
    expect(asked()).toBe(1);
    login.opaque.delete("tok");
    clock.advance(29_000);
    expect(await answer(chain, "tok")).toBe("ada");
    clock.advance(2000);
    expect(await answer(chain, "tok")).toBe("INVALID_TOKEN");
    expect(asked()).toBe(2);
  });

  it("are kept no longer than they live, nor than a minute", async () => {
    login.opaque.set("short", active({ exp: now() + 5 }));
    const chain = chainOf({ introspection });
    expect(await answer(chain, "short")).toBe("ada");
    clock.advance(6000);
    expect(await answer(chain, "short")).toBe("EXPIRED_TOKEN");
    expect(() => chainOf({ introspection: { ...CLIENT, cacheSeconds: 61 } })).toThrow(/0 to 60/);
  });

  it("that are not active are not asked about again for ten seconds, and push nobody out", async () => {
    login.opaque.set("tok", active());
    const chain = chainOf({ introspection });
    expect(await answer(chain, "tok")).toBe("ada");
    for (let at = 0; at < 5; at += 1) expect(await answer(chain, "unknown")).toBe("INVALID_TOKEN");
    expect(asked()).toBe(2);
    login.opaque.set("unknown", active());
    expect(await answer(chain, "unknown")).toBe("INVALID_TOKEN");
    clock.advance(11_000);
    expect(await answer(chain, "unknown")).toBe("ada");
    expect(await answer(chain, "tok")).toBe("ada");
    expect(asked()).toBe(3);
  });

  it.each<[string, object]>([
    ["for somebody else's API", { aud: "https://other.example" }],
    ["for nobody", { aud: undefined }],
    ["of another issuer", { iss: "https://evil.example" }],
    ["of nobody", { sub: undefined }],
    ["without an end", { exp: undefined }],
    ["of another client", { client_id: "evil" }],
    ["active by a text", { active: "false" }],
  ])("[AF-D25] %s are refused although the provider says active", async (_what, more) => {
    login.opaque.set("tok", active(more));
    const said = await answer(chainOf({ introspection, clients: ["spa"] }), "tok");
    expect(said).toBe((more as { active?: string }).active ? "AUTH_UNAVAILABLE" : "INVALID_TOKEN");
  });

  it("answer 503 at once while the provider fails, and leave it alone for a while", async () => {
    login.opaque.set("tok", active());
    const chain = chainOf({
      introspection: { ...CLIENT, endpoint: `${login.issuer}/introspect`, failures: 3, restSeconds: 10 },
    });
    login.down = true;
    for (let at = 0; at < 6; at += 1) expect(await answer(chain, `tok${at}`)).toBe("AUTH_UNAVAILABLE");
    expect(asked()).toBe(3);
    login.down = false;
    expect(await answer(chain, "tok")).toBe("AUTH_UNAVAILABLE");
    clock.advance(10_001);
    expect(await answer(chain, "tok")).toBe("ada");
    expect(asked()).toBe(4);
  });

  it("answer 503 when the provider does not answer in time", async () => {
    login.opaque.set("tok", active());
    login.held = true;
    const chain = authenticatorChain(
      [
        oidcAuthenticator({
          issuer: login.issuer,
          audience: AUDIENCE,
          clock,
          introspection: { ...CLIENT, endpoint: `${login.issuer}/introspect` },
        }),
      ],
      { timeoutMs: 50 },
    );
    expect(await answer(chain, "tok")).toBe("AUTH_UNAVAILABLE");
    login.release();
    expect(await answer(chain, "tok")).toBe("ada");
  });

  it("are asked about with this server's own secret", async () => {
    login.opaque.set("tok", active());
    expect(await answer(chainOf({ introspection: { ...CLIENT, clientSecret: "wrong" } }), "tok")).toBe(
      "AUTH_UNAVAILABLE",
    );
  });
});

describe("[AF-D25] userinfo", () => {
  it("gives a profile of who was accepted, and lets nobody in", async () => {
    const token = await login.sign(claimsOf());
    const outcome = await chainOf().authenticate(bearing(token));
    if (!outcome.ok) throw new Error("refused");
    login.userinfo.set(token, {
      sub: "ada",
      name: "Ada",
      email: "ada@example.com",
      picture: "javascript:alert(1)",
      roles: ["admin"],
    });
    expect(await oidcProfile(outcome.identity, token)).toEqual({ name: "Ada", email: "ada@example.com" });
    login.userinfo.set(token, { sub: "bob", name: "Bob" });
    await expect(oidcProfile(outcome.identity, token)).rejects.toMatchObject({ code: "forbidden" });
    // A token for another API, which userinfo would answer.
    const foreign = await login.sign(claimsOf({ aud: "https://other.example" }));
    login.userinfo.set(foreign, { sub: "ada" });
    expect(await answer(chainOf(), foreign)).toBe("INVALID_TOKEN");
  });
});
