import type { Caller, PrincipalId } from "@deputize/core";
import { describe, expect, it, vi } from "vitest";
import { clientContext } from "./client-context.ts";
import {
  type Guard,
  all,
  any,
  asGuard,
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

  it("stays shut when the broken guard is hidden in a rule made of several [PR-D06]", async () => {
    const silent = guard({ name: "silent", check: () => undefined as unknown as boolean });
    for (const one of [broken, silent]) {
      expect(await allows(not(all(one)))).toBe(false);
      expect(await allows(not(all(requireAuth(), one)))).toBe(false);
      expect(await allows(not(any(one)))).toBe(false);
      expect(await allows(not(any(hasRole("admin"), one)))).toBe(false);
      expect(await allows(all(requireAuth(), not(any(one))))).toBe(false);
      expect(await allows(any(not(all(one)), hasRole("admin")))).toBe(false);
      expect(await allows(not(all(hasRole("admin"), one)))).toBe(true);
      expect(await allows(any(one, requireAuth()))).toBe(true);
    }
  });

  it("stays shut when the guard within does not answer in time", async () => {
    vi.useFakeTimers();
    try {
      const never = guard({ name: "never", check: () => new Promise<boolean>(() => {}) });
      const asked = Promise.all(
        [never, not(never), not(all(never)), not(any(never))].map((one) => allows(one)),
      );
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await asked).toEqual([false, false, false, false]);
    } finally {
      vi.useRealTimers();
    }
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

describe("a guard that was declared wrong", () => {
  /** What a list read from somewhere else may turn out to be. */
  const none = [] as unknown as [string];
  const noGuards = [] as unknown as [Guard];
  const nothing: readonly [string, () => unknown][] = [
    ["hasRole()", () => hasRole(...none)],
    ["hasAllRoles()", () => hasAllRoles(...none)],
    ["hasScope()", () => hasScope(...none)],
    ["hasAllScopes()", () => hasAllScopes(...none)],
    ["requireClientId()", () => requireClientId(...none)],
    ["hasTenant()", () => hasTenant(...none)],
    ["a list in place of names", () => hasRole(["admin"] as never)],
    ["an empty name", () => hasAllScopes("read", "")],
    ["a name that is not there", () => not(hasRole(undefined as never))],
    ["all()", () => all(...noGuards)],
    ["not(any())", () => not(any(...noGuards))],
    ["no guard at all", () => asGuard(undefined as never)],
    ["a guard without a check", () => asGuard({ name: "x" } as never)],
    ["a guard without a name", () => asGuard({ check: () => true } as never)],
  ];
  it.each(nothing)("stops the start, and lets nobody in: %s [PR-D09]", (_name, declare) => {
    expect(declare).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});
