/** Tokens by private keys of others: a table of bad tokens for each algorithm, and keys that no server starts with. */
import { createHmac, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { REFUSED, type KeyPair, keyPair, secretOf, signToken, withToken } from "../../test/tokens.ts";
import { type AsymmetricJwtAuthOptions, asymmetricJwtAuth } from "./asymmetric-auth.ts";
import { jwtAuth } from "./jwt-auth.ts";
import { ASYMMETRIC } from "./signature.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const now = Math.floor(clock.nowMs() / 1000);
const issuer = "https://id.example";
const audience = "https://orders.example/mcp";
const good = { iss: issuer, aud: audience, sub: "user-42", exp: now + 60, iat: now, nbf: now };

const pairs = new Map(ASYMMETRIC.map((algorithm) => [algorithm, keyPair(algorithm)]));
const pairOf = (algorithm: KeyPair["algorithm"]) => pairs.get(algorithm) as KeyPair;
const es256 = pairOf("ES256");
const authOf = (pair: KeyPair, more: Partial<AsymmetricJwtAuthOptions> = {}) =>
  asymmetricJwtAuth({
    publicKeyPem: pair.publicKeyPem,
    algorithms: [pair.algorithm],
    issuer,
    audience,
    clock,
    ...more,
  } as AsymmetricJwtAuthOptions);

describe.each(ASYMMETRIC)("a token by %s", (alg) => {
  const pair = pairOf(alg);
  const auth = authOf(pair);
  const sign = (claims: object, header: object = {}) =>
    signToken(claims, pair.privateKey, { alg, ...header });
  const accept = async (token: string) => (await auth.authenticate(withToken(token))).clientId;

  it("is taken when everything is right [PR-F07]", async () => {
    expect(await accept(await sign(good))).toBe("user-42");
    expect(
      await accept(await sign({ ...good, aud: ["other", audience] }, { typ: "application/AT+JWT" })),
    ).toBe("user-42");
  });

  const bad: [string, object, object?][] = [
    ["no exp", { exp: undefined }],
    ["exp as text", { exp: String(now + 60) }],
    ["expired this second", { exp: now }],
    ["not valid yet", { nbf: now + 1 }],
    ["issued in the future", { iat: now + 1 }],
    ["no issuer", { iss: undefined }],
    ["another issuer", { iss: "https://evil.example" }],
    ["the issuer with a slash", { iss: `${issuer}/` }],
    ["no audience", { aud: undefined }],
    ["an empty audience", { aud: [] }],
    ["another audience", { aud: "https://billing.example/mcp" }],
    ["no sub [PR-D12]", { sub: undefined }],
    ["an empty sub [PR-D12]", { sub: "" }],
    ["a sub that is no text", { sub: { id: 1 } }],
    ["roles null [PR-D13]", { roles: null }],
    ["a scope that is a number", { scope: 7 }],
    ["bound to a key [SR-25]", { cnf: { jkt: "A".repeat(43) } }],
    ["bound to a null key [SR-25]", { cnf: null }],
    ["an actor that is nobody", { act: {} }],
    ["an ID token's type", {}, { typ: "id+jwt" }],
    ["no type", {}, { typ: undefined }],
    ["a critical extension", {}, { crit: ["x"], x: 1 }],
    ["a key of its own", {}, { jwk: pair.publicKey.export({ format: "jwk" }) }],
    ["a certificate of its own", {}, { x5c: ["MIIB"] }],
    ["a compressed body", {}, { zip: "DEF" }],
  ];
  it.each(bad)("is refused with %s [PR-D15]", async (_name, claims, header) => {
    await expect(accept(await sign({ ...good, ...claims }, header))).rejects.toMatchObject(REFUSED);
  });

  it("is refused by another key, without a signature, cut, or lengthened [PR-D15]", async () => {
    const token = await sign(good);
    const [head = "", body = "", tail = ""] = token.split(".");
    const bytes = Buffer.from(tail, "base64url");
    const flipped = Buffer.from(bytes);
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    const others = [
      await signToken(good, keyPair(alg).privateKey, { alg }),
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${Buffer.alloc(bytes.length).toString("base64url")}`,
      `${head}.${body}.${flipped.toString("base64url")}`,
      `${head}.${body}.${bytes.subarray(0, -1).toString("base64url")}`,
      `${head}.${body}.${Buffer.concat([bytes, Buffer.alloc(1)]).toString("base64url")}`,
      `${Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url")}.${body}.`,
    ];
    for (const other of others) await expect(accept(other)).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("is not taken for a shared secret's: the public key signs nothing [PR-D15]", async () => {
    const head = Buffer.from(JSON.stringify({ alg: "HS256", typ: "at+jwt" })).toString("base64url");
    const input = `${head}.${Buffer.from(JSON.stringify(good)).toString("base64url")}`;
    const der = pair.publicKey.export({ type: "spki", format: "der" });
    for (const secret of [pair.publicKeyPem, pair.publicKeyPem.trim(), der]) {
      const forged = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
      await expect(accept(forged)).rejects.toMatchObject(REFUSED);
    }
  });
});

describe("asymmetricJwtAuth", () => {
  it("refuses an algorithm that is not listed, though the key could do it", async () => {
    const rsa = pairOf("RS256");
    const token = await signToken(good, rsa.privateKey, { alg: "PS256" });
    await expect(authOf(rsa).authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
    const both = authOf(rsa, { algorithms: ["RS256", "PS256"] });
    expect((await both.authenticate(withToken(token))).clientId).toBe("user-42");
  });

  it("never follows an address that a token brings [PR-D15]", async () => {
    let asked = 0;
    const attacker = keyPair("ES256");
    const http = createServer((_request, response) => {
      asked += 1;
      response.end(JSON.stringify({ keys: [attacker.publicKey.export({ format: "jwk" })] }));
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/keys`;
    for (const header of [
      { jku: url },
      { x5u: url },
      { kid: url },
      { kid: "../../etc/passwd" },
      { kid: "' OR 1=1" },
    ]) {
      const token = await signToken(good, attacker.privateKey, { alg: "ES256", ...header });
      await expect(authOf(es256).authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
    }
    expect(asked).toBe(0);
    await new Promise((resolve) => http.close(resolve));
  });

  it("checks a token that names its key with that key alone, and follows a change of keys", async () => {
    const [old, next] = [keyPair("ES256"), keyPair("ES256")];
    const auth = asymmetricJwtAuth({
      keys: [
        { kid: "old", publicKeyPem: old.publicKeyPem },
        { kid: "next", publicKeyPem: next.publicKeyPem },
      ],
      algorithms: ["ES256"],
      issuer,
      audience,
      clock,
    });
    const tokenBy = (pair: KeyPair, kid?: string) =>
      signToken(good, pair.privateKey, { alg: "ES256", ...(kid && { kid }) });
    for (const token of [await tokenBy(old, "old"), await tokenBy(next, "next"), await tokenBy(next)])
      expect((await auth.authenticate(withToken(token))).clientId).toBe("user-42");
    for (const token of [await tokenBy(old, "next"), await tokenBy(old, "unknown")])
      await expect(auth.authenticate(withToken(token))).rejects.toMatchObject(REFUSED);
  });

  it("gives two issuers' same `sub` two subjects, and one issuer's the same everywhere [SR-09]", async () => {
    const other = authOf(es256, { issuer: "https://other.example" });
    const token = await signToken(good, es256.privateKey, { alg: "ES256" });
    const others = await signToken({ ...good, iss: "https://other.example" }, es256.privateKey, {
      alg: "ES256",
    });
    const [a, b, again] = await Promise.all([
      authOf(es256).authenticate(withToken(token)),
      other.authenticate(withToken(others)),
      authOf(es256).authenticate(withToken(token)),
    ]);
    expect(a.subject).not.toBe(b.subject);
    expect(a.subject).toBe(again.subject);
  });

  it("takes only the roles that the operator allowed or mapped, and no tenant by default [SR-09]", async () => {
    const claims = { ...good, roles: ["admin", "staff", "__proto__"], tenant_id: "acme" };
    const token = await signToken(claims, es256.privateKey, { alg: "ES256" });
    const rolesWith = async (more: Partial<AsymmetricJwtAuthOptions>) => {
      const { roles, tenant } = await authOf(es256, more).authenticate(withToken(token));
      return { roles, tenant };
    };
    expect(await rolesWith({})).toEqual({ roles: [], tenant: "default" });
    expect(await rolesWith({ roles: { allow: ["staff"] }, tenant: "guests" })).toEqual({
      roles: ["staff"],
      tenant: "guests",
    });
    expect(
      await rolesWith({
        roles: { allow: ["staff"], map: { admin: "analyst" } },
        claims: { tenant: "tenant_id" },
      }),
    ).toEqual({ roles: ["analyst", "staff"], tenant: "acme" });
  });

  it("shows who acts for the subject, the current one first", async () => {
    const act = { sub: "agent-1", act: { sub: "agent-2", iss: "https://other.example" } };
    const token = await signToken({ ...good, act }, es256.privateKey, { alg: "ES256" });
    const { actors } = await authOf(es256).authenticate(withToken(token));
    expect(new Set(actors).size).toBe(2);
    const deep = Array.from({ length: 7 }).reduce<object>((inner) => ({ sub: "a", act: inner }), {
      sub: "z",
    });
    const tooDeep = await signToken({ ...good, act: deep }, es256.privateKey, { alg: "ES256" });
    await expect(authOf(es256).authenticate(withToken(tooDeep))).rejects.toMatchObject(REFUSED);
  });

  it("forgives clocks that are apart only as far as it was told, and a minute at most", async () => {
    const late = await signToken({ ...good, exp: now - 29, nbf: now + 29, iat: now + 29 }, es256.privateKey, {
      alg: "ES256",
    });
    expect((await authOf(es256, { leewaySeconds: 30 }).authenticate(withToken(late))).clientId).toBe(
      "user-42",
    );
    await expect(authOf(es256, { leewaySeconds: 29 }).authenticate(withToken(late))).rejects.toMatchObject(
      REFUSED,
    );
    expect(() => authOf(es256, { leewaySeconds: 61 })).toThrow(/0 to 60/);
  });

  it("takes tokens without a type only where that was written down", async () => {
    const token = await signToken(good, es256.privateKey, { alg: "ES256", typ: undefined });
    expect((await authOf(es256, { types: ["absent"] }).authenticate(withToken(token))).clientId).toBe(
      "user-42",
    );
    const typed = await signToken(good, es256.privateKey, { alg: "ES256", typ: "JWT" });
    await expect(authOf(es256, { types: ["at+jwt"] }).authenticate(withToken(typed))).rejects.toMatchObject(
      REFUSED,
    );
  });
});

describe("start-up", () => {
  const rsa1024 = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const rsa3 = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).publicKey;
  const pem = (key: typeof rsa1024) => key.export({ type: "spki", format: "pem" }).toString();
  const start = (more: object) => () => authOf(es256, more);

  it.each<[string, () => unknown, RegExp]>([
    [
      "a private key",
      start({ publicKeyPem: es256.privateKey.export({ type: "pkcs8", format: "pem" }).toString() }),
      /private key; give its public half: `openssl pkey/,
    ],
    ["a certificate", start({ publicKeyPem: "-----BEGIN CERTIFICATE-----\nMIIB" }), /openssl x509/],
    ["two keys in one text", start({ publicKeyPem: es256.publicKeyPem.repeat(2) }), /several keys/],
    ["no key", start({ publicKeyPem: "hello" }), /BEGIN PUBLIC KEY/],
    [
      "a short RSA key",
      start({ publicKeyPem: pem(rsa1024), algorithms: ["RS256"] }),
      /1024 bits is too short/,
    ],
    ["a tiny exponent", start({ publicKeyPem: pem(rsa3), algorithms: ["RS256"] }), /exponent 3/],
    [
      "a key that signs nothing",
      start({ publicKeyPem: pem(generateKeyPairSync("x25519").publicKey), algorithms: ["EdDSA"] }),
      /signs no token/,
    ],
    ["a key of another curve", start({ algorithms: ["ES384"] }), /prime256v1 key fits none of ES384/],
    ["an algorithm that no key fits", start({ algorithms: ["ES256", "RS256"] }), /no key fits RS256/],
    ["a shared-secret algorithm", start({ algorithms: ["HS256"] }), /`algorithms` is a list of RS256/],
    ["no algorithm", start({ algorithms: [] }), /`algorithms` is a list/],
    ["no issuer", start({ issuer: "" }), /issuer/],
    ["no audience", start({ audience: "" }), /audience/],
    ["no keys", start({ publicKeyPem: undefined, keys: [] }), /1 to 16/],
  ])("refuses %s and says what to do", (_name, make, message) => {
    expect(make).toThrow(message);
  });

  it("an HS256 token made with the public key as secret is no token of a jwtAuth beside it either", async () => {
    const shared = jwtAuth({ secret: "a".repeat(32), issuer, audience, clock });
    const forged = await signToken(good, secretOf(es256.publicKeyPem), { alg: "HS256" });
    await expect(shared.authenticate(withToken(forged))).rejects.toMatchObject(REFUSED);
  });
});
