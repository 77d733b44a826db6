import type { Caller, PrincipalId } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { clientContext } from "./client-context.ts";
import {
  type Guard,
  all,
  any,
  checkGuards,
  guard,
  hasAllRoles,
  hasAllScopes,
  hasRole,
  hasScope,
  hasTenant,
  not,
  publicTool,
  requireAuth,
  requireClientId,
  requireTenant,
} from "./guards.ts";

const base: Caller = {
  tenant: "acme",
  subject: "018f0000-0000-7000-8000-000000000001" as PrincipalId,
  subjectKind: "user",
  actors: [],
  roles: ["analyst", "support"],
  scopes: ["read", "read:orders:*", "cancel:orders:42"],
  grants: [],
  clientId: "agent-007",
};

async function allows(one: Guard, caller: Partial<Caller> = {}): Promise<boolean> {
  const full = { ...base, ...caller };
  const target = { kind: "tool", name: "t", effect: "read" } as const;
  return (await checkGuards([one], { caller: full, client: clientContext(full), target, requestId: "r" }))
    .allowed;
}

const broken = guard({
  name: "broken",
  check: () => {
    throw new Error("down");
  },
});

describe("guards", () => {
  it.each<[string, Guard, boolean]>([
    ["requireAuth", requireAuth(), true],
    ["publicTool", publicTool(), true],
    ["one of the roles", hasRole("admin", "analyst"), true],
    ["none of the roles", hasRole("admin", "ops"), false],
    ["all roles held", hasAllRoles("analyst", "support"), true],
    ["one role short", hasAllRoles("analyst", "admin"), false],
    ["a scope by the same text", hasScope("write", "read"), true],
    ["a two-part scope not held", hasScope("billing:read"), false],
    ["a scope covered by a wildcard", hasScope("read:orders:7"), true],
    ["a wildcard is not covered by one id", hasScope("cancel:orders:*"), false],
    ["all scopes held", hasAllScopes("read", "cancel:orders:42"), true],
    ["one scope short", hasAllScopes("read", "cancel:orders:43"), false],
    ["the client id", requireClientId("agent-007"), true],
    ["a prefix of the client id", requireClientId("agent-0"), false],
    ["a tenant", requireTenant(), true],
    ["another tenant", hasTenant("globex"), false],
    ["all of them", all(requireAuth(), hasRole("support")), true],
    ["not quite all", all(requireAuth(), hasRole("admin")), false],
    ["any of them", any(hasRole("admin"), hasScope("read")), true],
    ["none of any", any(hasRole("admin"), broken), false],
    ["not an admin", not(hasRole("admin")), true],
    ["not a support", not(hasRole("support")), false],
  ])("decides: %s [PR-F12]", async (_name, one, expected) => {
    expect(await allows(one)).toBe(expected);
  });

  it("refuses when a guard throws, and does not let `not` or `any` turn that into a yes", async () => {
    expect(await allows(broken)).toBe(false);
    expect(await allows(not(broken))).toBe(false);
    expect(await allows(not(not(broken)))).toBe(false);
    expect(await allows(any(broken, requireAuth()))).toBe(true);
  });

  it("takes only `true` for a yes", async () => {
    for (const answer of [1, "yes", {}, undefined, null]) {
      expect(await allows(guard({ name: "odd", check: () => answer as unknown as boolean }))).toBe(false);
    }
  });

  it("runs a guard of your own with its denial text [PR-F13]", async () => {
    const premium = guard({
      name: "premium",
      check: async () => false,
      describeDenial: () => "needs the Pro plan",
    });
    const input = {
      caller: base,
      client: clientContext(base),
      target: { kind: "tool", name: "t", effect: "read" } as const,
      requestId: "r",
    };
    expect(await checkGuards([requireAuth(), premium], input)).toEqual({
      allowed: false,
      guard: "premium",
      denial: "needs the Pro plan",
    });
  });

  it("names missing scopes only when nothing else is missing [SR-26]", async () => {
    const input = {
      caller: base,
      client: clientContext(base),
      target: { kind: "tool", name: "t", effect: "read" } as const,
      requestId: "r",
    };
    const scopesOnly = await checkGuards([hasScope("a:b:c"), hasAllScopes("read", "d:e:f")], input);
    expect(scopesOnly).toMatchObject({ missingScopes: ["a:b:c", "d:e:f"] });
    const roleToo = await checkGuards([hasScope("a:b:c"), hasRole("admin")], input);
    expect(roleToo).not.toHaveProperty("missingScopes");
  });

  it("refuses everybody when there is no guard at all", async () => {
    const input = {
      caller: base,
      client: clientContext(base),
      target: { kind: "tool", name: "t", effect: "read" } as const,
      requestId: "r",
    };
    expect((await checkGuards([], input)).allowed).toBe(false);
  });
});
