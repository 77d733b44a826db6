import { createHmac } from "node:crypto";
import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { jwtAuth } from "./jwt-auth.ts";

const secret = "a-secret-of-thirty-two-bytes-or-more";
const clock = manualClock(Date.UTC(2026, 10, 22));
const now = Math.floor(clock.nowMs() / 1000);
const auth = jwtAuth({ secret, audience: "orders", clock });

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
function sign(claims: object, header: object = { alg: "HS256", typ: "JWT" }, key = secret): string {
  const body = `${part(header)}.${part(claims)}`;
  return `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
}
const good = { iss: "urn:deputize:local", aud: "orders", sub: "user-42", exp: now + 60 };
const request = (token: string, headers: Record<string, string> = {}) =>
  new Request("http://localhost/mcp", { headers: { authorization: `Bearer ${token}`, ...headers } });

describe("jwtAuth", () => {
  it("makes a caller of a good token [PR-F06]", async () => {
    const caller = await auth.authenticate(
      request(sign({ ...good, roles: ["analyst"], scope: "read billing:read" })),
    );
    expect(caller).toMatchObject({
      clientId: "user-42",
      roles: ["analyst"],
      scopes: ["read", "billing:read"],
    });
    expect(auth.claimsOf?.(caller)).toMatchObject({ sub: "user-42" });
  });

  it("takes what createToken makes, until it expires [PR-F06]", async () => {
    const token = await auth.createToken({ sub: "user-1" }, { expiresIn: 60 });
    expect((await auth.authenticate(request(token))).clientId).toBe("user-1");
    clock.advance(61_000);
    await expect(auth.authenticate(request(token))).rejects.toMatchObject({ code: "invalid_token" });
    clock.advance(-61_000);
  });

  it.each<[string, string]>([
    ["no exp [PR-D15]", sign({ ...good, exp: undefined })],
    ["expired", sign({ ...good, exp: now })],
    ["no sub [PR-D12]", sign({ ...good, sub: undefined })],
    ["no audience [SR-09]", sign({ ...good, aud: undefined })],
    ["another audience", sign({ ...good, aud: "billing" })],
    ["another issuer", sign({ ...good, iss: "https://evil.example" })],
    ["not yet valid", sign({ ...good, nbf: now + 60 })],
    ["another key", sign(good, { alg: "HS256", typ: "JWT" }, "another-secret-of-thirty-two-bytes!!")],
    ["alg none", `${part({ alg: "none", typ: "JWT" })}.${part(good)}.`],
    ["another algorithm", sign(good, { alg: "HS512", typ: "JWT" })],
    ["no type [PR-D15]", sign(good, { alg: "HS256" })],
    ["roles null [PR-D13]", sign({ ...good, roles: null })],
    ["roles of numbers", sign({ ...good, roles: [1] })],
    ["padded", `${sign(good)}=`],
    ["not a token", "abc"],
  ])("refuses %s", async (_name, token) => {
    await expect(auth.authenticate(request(token))).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("reads a role given as text as one role [PR-D13]", async () => {
    expect((await auth.authenticate(request(sign({ ...good, roles: "admin" })))).roles).toEqual(["admin"]);
  });

  it("refuses another spelling of a token, so one token is one string", async () => {
    const token = sign(good);
    const last = token.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const twin = token.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
    await auth.authenticate(request(token));
    await expect(auth.authenticate(request(twin))).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("never lets a forged signature hit the cache of a real token [PR-D16]", async () => {
    const token = sign({ ...good, jti: "j1" });
    await auth.authenticate(request(token));
    const forged = `${token.split(".").slice(0, 2).join(".")}.${Buffer.alloc(32).toString("base64url")}`;
    await expect(auth.authenticate(request(forged))).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("asks about revocation on every call, and takes a failing answer for a no [PR-D16]", async () => {
    let answer: () => boolean = () => false;
    const revocable = jwtAuth({ secret, audience: "orders", clock, isRevoked: () => answer() });
    const token = sign({ ...good, jti: "j2" });
    await revocable.authenticate(request(token));
    answer = () => true;
    await expect(revocable.authenticate(request(token))).rejects.toMatchObject({ code: "invalid_token" });
    answer = () => {
      throw new Error("down");
    };
    await expect(revocable.authenticate(request(token))).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("hands out frozen claims, so a handler's change is not seen later [PR-D16]", async () => {
    const caller = await auth.authenticate(request(sign({ ...good, roles: ["analyst"] })));
    expect(() => (caller.roles as string[]).push("admin")).toThrow(TypeError);
    expect(Object.isFrozen(auth.claimsOf?.(caller))).toBe(true);
  });

  it("gives two issuers' same `sub` two subjects [SR-09]", async () => {
    const other = jwtAuth({ secret, audience: "orders", issuer: "https://other.example", clock });
    const a = await auth.authenticate(request(sign(good)));
    const b = await other.authenticate(request(sign({ ...good, iss: "https://other.example" })));
    expect(a.subject).not.toBe(b.subject);
  });

  it("finds roles and scopes where other makers put them [PR-D14]", async () => {
    const keycloak = jwtAuth({
      secret,
      audience: "orders",
      clock,
      claims: { roles: "realm_access.roles", scopes: "scp" },
    });
    const token = sign({ ...good, realm_access: { roles: ["ops"] }, scp: ["read", "write"] });
    expect(await keycloak.authenticate(request(token))).toMatchObject({
      roles: ["ops"],
      scopes: ["read", "write"],
    });
  });

  it("refuses two credentials on one request [SR-26]", async () => {
    const token = sign(good);
    for (const headers of [
      { "x-api-key": "k" },
      { cookie: "s=1" },
      { authorization: `Bearer ${token}, Bearer ${token}` },
    ]) {
      await expect(
        auth.authenticate(request(token, headers as Record<string, string>)),
      ).rejects.toMatchObject({ code: "invalid_token" });
    }
  });

  it("refuses a short secret and a missing audience at start-up", () => {
    expect(() => jwtAuth({ secret: "short", audience: "a" })).toThrow(/32 bytes/);
    expect(() => jwtAuth({ secret, audience: "" })).toThrow(/audience/);
    expect(() => jwtAuth({ secret, audience: [] })).toThrow(/audience/);
  });

  it.each([
    ["HS256", 32],
    ["HS384", 48],
    ["HS512", 64],
  ] as const)("takes %s with a secret of %i bytes, and no shorter one [PR-F06]", async (algorithm, bytes) => {
    const options = { audience: "orders", algorithms: [algorithm], clock };
    expect(() => jwtAuth({ ...options, secret: "s".repeat(bytes - 1) })).toThrow(`${bytes} bytes`);
    const strong = jwtAuth({ ...options, secret: "s".repeat(bytes) });
    const token = await strong.createToken({ sub: "user-1" });
    expect(JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString())).toMatchObject({
      alg: algorithm,
    });
    expect((await strong.authenticate(request(token))).clientId).toBe("user-1");
  });

  it("makes tokens of a type that it takes itself", async () => {
    for (const types of [["at+jwt"], ["absent"], ["absent", "own+jwt"]]) {
      const typed = jwtAuth({ secret, audience: "orders", types, clock });
      const token = await typed.createToken({ sub: "user-1" });
      expect((await typed.authenticate(request(token))).clientId).toBe("user-1");
    }
    expect(() => jwtAuth({ secret, audience: "orders", types: [] })).toThrow(/`types` is a list/);
  });

  it("refuses a key file as a secret, and algorithms that have no secret", () => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${"A".repeat(64)}\n-----END PUBLIC KEY-----`;
    expect(() => jwtAuth({ secret: pem, audience: "orders" })).toThrow(/asymmetricJwtAuth/);
    const algorithms = ["RS256"] as unknown as ["HS256"];
    expect(() => jwtAuth({ secret, audience: "orders", algorithms })).toThrow(/HS256, HS384, HS512/);
  });
});
