/** What a token that was seen before still has to pass, and tokens in the shapes of the usual providers. */
import { type ManualClock, manualClock } from "@deputize/core";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { REFUSED, freshSecret, keyPair, secretOf, signToken, withToken } from "../../test/tokens.ts";
import type { ClaimPaths, RolePolicy } from "./claims.ts";
import { jwtAuth } from "./jwt-auth.ts";
import { type RevocationQuestion, type TokenAuthOptions, tokenAuthenticator } from "./token-auth.ts";
import type { KeySource } from "./token-check.ts";

const issuer = "https://id.example";
const pair = keyPair("EdDSA");
let clock: ManualClock;
let now: number;
let looked: number;
let keys: KeySource & { current: readonly (typeof pair.publicKey)[] };

beforeEach(() => {
  clock = manualClock(Date.UTC(2026, 10, 22));
  now = Math.floor(clock.nowMs() / 1000);
  looked = 0;
  keys = {
    current: [pair.publicKey],
    find: () => {
      looked += 1;
      return keys.current;
    },
  };
});

const make = (options: Partial<TokenAuthOptions> = {}) =>
  tokenAuthenticator(
    { name: "test", issuer, algorithms: ["EdDSA"], keys, ours: false },
    { audience: "orders", clock, ...options },
  );
const sign = (claims: object) =>
  signToken(
    { iss: issuer, aud: "orders", sub: "user-42", exp: now + 60, jti: "j1", ...claims },
    pair.privateKey,
    {
      alg: "EdDSA",
    },
  );

describe("a token that was seen before", () => {
  it("is the same frozen caller, and expires by itself [PR-D16]", async () => {
    const auth = make();
    const token = await sign({ roles: ["a"] });
    const first = await auth.authenticate(withToken(token));
    expect(await auth.authenticate(withToken(token))).toBe(first);
    expect(Object.isFrozen(first) && Object.isFrozen(first.roles) && Object.isFrozen(first.token)).toBe(true);
    const claims = auth.claimsOf?.(first) as { roles: string[] };
    expect(() => claims.roles.push("admin")).toThrow(TypeError);
    clock.advance(60_000);
    await expect(auth.authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
  });

  it("goes when its key goes, and stays refused by a key that comes in its place [PR-D16]", async () => {
    const auth = make();
    const token = await sign({});
    await auth.authenticate(withToken(token));
    keys.current = [keyPair("EdDSA").publicKey];
    await expect(auth.authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
    keys.current = [pair.publicKey];
    expect((await auth.authenticate(withToken(token))).clientId).toBe("user-42");
  });

  it("is asked about on every call, by issuer and id; only a clear no lets it pass [PR-D16]", async () => {
    const asked: RevocationQuestion[] = [];
    const revoked = new Set<string>();
    const auth = make({
      isRevoked: (token) => {
        asked.push(token);
        return revoked.has(`${token.issuer} ${token.jti}`);
      },
    });
    const token = await sign({ iat: now });
    const { subject } = await auth.authenticate(withToken(token));
    await auth.authenticate(withToken(token));
    expect(asked).toEqual(Array.from({ length: 2 }, () => ({ issuer, jti: "j1", subject, issuedAt: now })));
    revoked.add(`${issuer} j1`);
    await expect(auth.authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
    const careless = make({ isRevoked: () => undefined as unknown as boolean });
    await expect(careless.authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
  });

  it("cannot hide from revocation by having no id", async () => {
    const token = await sign({ jti: undefined, uti: "u1" });
    await expect(make({ isRevoked: () => false }).authenticate(withToken(token))).rejects.toMatchObject(
      REFUSED,
    );
    const named = make({ isRevoked: ({ jti }) => jti !== "u1", claims: { tokenId: "uti" } });
    expect((await named.authenticate(withToken(token))).token?.jti).toBe("u1");
  });

  it("leaves room for `cacheSize` tokens, and the one used longest ago goes first [PR-D16]", async () => {
    const auth = make({ cacheSize: 2 });
    const [a, b, c] = [await sign({ jti: "a" }), await sign({ jti: "b" }), await sign({ jti: "c" })];
    const same = async (token: string, before: unknown) =>
      (await auth.authenticate(withToken(token))) === before;
    const callerA = await auth.authenticate(withToken(a));
    const callerB = await auth.authenticate(withToken(b));
    expect(await same(a, callerA)).toBe(true);
    await auth.authenticate(withToken(c));
    expect(await same(a, callerA)).toBe(true);
    expect(await same(b, callerB)).toBe(false);
    const none = make({ cacheSize: 0 });
    const once = await none.authenticate(withToken(a));
    expect(await none.authenticate(withToken(a))).not.toBe(once);
  });

  it("tells nobody what was refused before: refusals are not kept", async () => {
    const auth = make();
    const early = await sign({ nbf: now + 10 });
    await expect(auth.authenticate(withToken(early))).rejects.toMatchObject(REFUSED);
    clock.advance(10_000);
    expect((await auth.authenticate(withToken(early))).clientId).toBe("user-42");
  });

  it("of another issuer makes nobody look for keys", async () => {
    await expect(
      make().authenticate(withToken(await sign({ iss: "https://other.example" }))),
    ).rejects.toMatchObject(REFUSED);
    expect(looked).toBe(0);
  });
});

it("is refused with any one character changed, added or taken away", async () => {
  const auth = make();
  const token = await sign({});
  await auth.authenticate(withToken(token));
  const characters = fc.constantFrom(
    ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=",
  );
  const places = fc.integer({ min: 0, max: token.length - 1 });
  await fc.assert(
    fc.asyncProperty(places, characters, fc.constantFrom(0, 1), async (place, character, taken) => {
      const other = token.slice(0, place) + character + token.slice(place + taken);
      if (other !== token)
        await expect(auth.authenticate(withToken(other))).rejects.toMatchObject({ code: "invalid_token" });
    }),
    { numRuns: 1000 },
  );
});

describe("tokens in the shapes of the usual providers", () => {
  const read = async (claims: object, paths: ClaimPaths, roles: RolePolicy) => {
    const caller = await make({ claims: paths, roles }).authenticate(withToken(await sign(claims)));
    return { roles: caller.roles, scopes: caller.scopes, tenant: caller.tenant, clientId: caller.clientId };
  };

  it("Auth0: roles under a name with dots, permissions as a list, the program in `azp` [PR-D14]", async () => {
    const claims = {
      azp: "app-1",
      scope: "openid profile",
      permissions: ["read:orders"],
      "https://shop.example/roles": ["support"],
      org_id: "org_9",
    };
    const paths = { roles: "https://shop.example/roles", scopes: "permissions", tenant: "org_id" };
    expect(await read(claims, paths, { allow: ["support"] })).toEqual({
      roles: ["support"],
      scopes: ["read:orders"],
      tenant: "org_9",
      clientId: "app-1",
    });
  });

  it("Entra: scopes in `scp`, roles of the app, tenant in `tid`, the person in `oid` [PR-D14]", async () => {
    const claims = {
      scp: "Orders.Read Orders.Write",
      roles: ["Orders.Admin"],
      tid: "t-1",
      oid: "o-1",
      appid: "app-2",
    };
    const paths = { subject: "oid", scopes: "scp", tenant: "tid", clientId: "appid" };
    expect(await read(claims, paths, { map: { "Orders.Admin": "admin" } })).toEqual({
      roles: ["admin"],
      scopes: ["Orders.Read", "Orders.Write"],
      tenant: "t-1",
      clientId: "app-2",
    });
    await expect(read({ ...claims, oid: undefined }, paths, {})).rejects.toMatchObject(REFUSED);
  });

  it("Keycloak: roles of the realm, and of a client whose name holds dots [PR-D14]", async () => {
    const claims = {
      azp: "web",
      scope: "orders:read",
      realm_access: { roles: ["offline_access", "staff"] },
      resource_access: { "orders.example": { roles: ["refunds"] } },
    };
    const realm = await read(claims, { roles: "realm_access.roles" }, { allow: ["staff"] });
    expect(realm).toMatchObject({ roles: ["staff"], scopes: ["orders:read"], clientId: "web" });
    const client = await read(
      claims,
      { roles: ["resource_access", "orders.example", "roles"] },
      { allow: ["refunds"] },
    );
    expect(client.roles).toEqual(["refunds"]);
  });

  it.each([
    ["null at the named place", { realm_access: { roles: null } }],
    ["a number", { realm_access: { roles: 7 } }],
    ["an object", { realm_access: { roles: { admin: true } } }],
    ["an empty name", { realm_access: { roles: [""] } }],
  ])("refuses roles that are %s [PR-D13]", async (_name, claims) => {
    await expect(read(claims, { roles: "realm_access.roles" }, { allow: ["admin"] })).rejects.toMatchObject(
      REFUSED,
    );
  });

  it("does not find roles that nobody gave: not in prototypes, not where the claim is missing", async () => {
    for (const path of ["realm_access.roles", "constructor.name", "__proto__", "sub.length"])
      expect((await read({}, { roles: path }, { allow: ["Object", "admin"] })).roles).toEqual([]);
  });
});

describe("tokens of our own secret", () => {
  it("keep their roles and tenant unless a list says otherwise", async () => {
    const secret = freshSecret();
    const claims = {
      iss: "urn:deputize:local",
      aud: "orders",
      sub: "u",
      exp: now + 60,
      roles: ["admin", "staff"],
      tenant_id: "acme",
    };
    const token = await signToken(claims, secretOf(secret), { alg: "HS256" });
    const all = await jwtAuth({ secret, audience: "orders", clock }).authenticate(withToken(token));
    expect(all).toMatchObject({ roles: ["admin", "staff"], tenant: "acme" });
    const some = jwtAuth({ secret, audience: "orders", clock, roles: { allow: ["staff"] } });
    expect((await some.authenticate(withToken(token))).roles).toEqual(["staff"]);
  });
});
