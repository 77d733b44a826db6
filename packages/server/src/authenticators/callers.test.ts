/** Identities as callers, and on grants of the authority: by issuer and subject, with listed roles alone. */
import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { isDeputizeError, randomHex } from "@deputize/core";
import { isFirstParty } from "@deputize/authority";
import { AuthRefused } from "./auth-code.ts";
import { identityOf } from "./authenticator.ts";
import { callerOf, chainCallers } from "./callers.ts";
import { authenticatorChain } from "./chain.ts";
import { jwtAuthenticator } from "./jwt.ts";
import { bearing } from "./provider.fixture.ts";

const ONE = "https://one.example";
const TWO = "https://two.example";
const who = (issuer: string, more: object = {}) =>
  identityOf("x", {
    userId: "ada",
    issuer,
    roles: ["editor", "admin"],
    tokenId: "t",
    expiresAt: 2e9,
    ...more,
  });

describe("[SR-09] an identity becomes a caller", () => {
  it("through its issuer: one user id of two issuers is two subjects", () => {
    const issuers = { [ONE]: {}, [TWO]: {} };
    const [one, two] = [callerOf(who(ONE), issuers), callerOf(who(TWO), issuers)];
    expect(one.subject).not.toBe(two.subject);
    expect(callerOf(who(ONE), issuers).subject).toBe(one.subject);
  });

  it("with the roles that its issuer's list names, under their names here", () => {
    const roles = { allow: ["editor"], map: { admin: "support" } };
    expect(callerOf(who(ONE), { [ONE]: {} }).roles).toEqual([]);
    expect(callerOf(who(ONE), { [ONE]: { roles } }).roles).toEqual(["editor", "support"]);
  });

  it("in the tenant of its issuer, or one that is listed", () => {
    expect(callerOf(who(ONE), { [ONE]: { tenant: "acme" } }).tenant).toBe("acme");
    const issuers = { [ONE]: { tenants: ["acme"] } };
    expect(callerOf(who(ONE, { tenantId: "acme" }), issuers).tenant).toBe("acme");
    expect(() => callerOf(who(ONE, { tenantId: "other" }), issuers)).toThrow(AuthRefused);
  });

  it("never where nobody wrote its issuer down", () => {
    for (const issuer of ["https://evil.example", "constructor", "__proto__"])
      expect(() => callerOf(who(issuer), { [ONE]: {} })).toThrow(AuthRefused);
    expect(() => chainCallers(authenticatorChain([stub()]), { issuers: {} })).toThrow(/nobody could sign in/);
  });

  it("and never a first-party session, which alone decides approvals [SR-05]", () => {
    const caller = callerOf(who(ONE, { amr: ["pwd", "otp"], authTime: 1 }), { [ONE]: {} });
    expect(caller.session).toBeUndefined();
    expect(isFirstParty(caller)).toBe(false);
  });
});

function stub() {
  return jwtAuthenticator({ secret: randomHex(32) });
}

describe("a chain as tool servers ask it", () => {
  const secret = randomHex(32);
  const auth = chainCallers(authenticatorChain([jwtAuthenticator({ secret, issuer: ONE })]), {
    issuers: { [ONE]: { roles: { allow: ["editor"] } } },
    peerOf: () => "10.0.0.1",
  });
  const tokenOf = (claims: object) =>
    new SignJWT({ iss: ONE, sub: "ada", roles: ["editor", "admin"], exp: 4e9, ...claims })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(createSecretKey(secret, "utf8"));

  it("answers the frozen caller, and the claims behind it", async () => {
    const caller = await auth.authenticate(bearing(await tokenOf({ plan: "pro" })));
    expect(caller).toMatchObject({ roles: ["editor"], subjectKind: "user", tenant: "default", grants: [] });
    expect(auth.claimsOf?.(caller)).toMatchObject({ plan: "pro" });
    expect(() => (caller.roles as string[]).push("admin")).toThrow(TypeError);
  });

  it("throws what everybody understands, with the refusal inside", async () => {
    const refused = await auth
      .authenticate(bearing(await tokenOf({ exp: 1 })))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AuthRefused);
    expect(isDeputizeError(refused, "invalid_token")).toBe(true);
    expect((refused as AuthRefused).refusal.code).toBe("EXPIRED_TOKEN");
    await expect(auth.authenticate(new Request("http://x/"))).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });
});
