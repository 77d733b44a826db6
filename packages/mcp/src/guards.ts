/**
 * Guards: rules that a caller must pass before a tool, resource or prompt exists for it.
 *
 * Guarantees: only the value `true` allows; a guard that throws, takes longer than 5 s, or answers anything
 * else refuses. A tool without a guard does not register (definition.ts), nor does a guard that names nothing to ask for.
 * Does not: look at arguments. Whose order it is, is an argument guard's question (argument-guards.ts).
 */
import { type Caller, type Effect, DeputizeError, readScope, scopeCovers } from "@deputize/core";
import type { ClientContext } from "./client-context.ts";

/** What a guard may look at: who calls what, never the arguments. */
export interface GuardInput {
  readonly caller: Caller;
  readonly client: ClientContext;
  readonly target: {
    readonly kind: "tool" | "resource" | "prompt";
    readonly name: string;
    readonly effect: Effect;
  };
  readonly requestId: string;
}

export interface Guard {
  readonly name: string;
  /** True allows; anything else, or throwing, refuses. */
  check(input: GuardInput): boolean | Promise<boolean>;
  /** Why not, for the audit log, and for the caller where the server does not hide forbidden tools. */
  describeDenial?(input: GuardInput): string;
  /** The scopes that would make this guard pass, when scopes are all it asks for (SR-26 step-up). */
  missingScopes?(input: GuardInput): readonly string[];
  /** The scopes it looks at, for the server's metadata. */
  readonly scopes?: readonly string[];
}

/** A bare function is a guard too. */
export type GuardLike = Guard | ((input: GuardInput) => boolean | Promise<boolean>);

/** Makes a guard of your own. */
export function guard(parts: Guard): Guard {
  if (!parts.name)
    throw new DeputizeError("config_invalid", "give the guard a `name`; the audit log shows it");
  return parts;
}

/** Gives a bare function the shape of a guard. Throws `config_invalid` for what is none. */
export function asGuard(like: GuardLike): Guard {
  if (typeof like === "function") return { name: like.name || "custom guard", check: like };
  const { name, check } = (like ?? {}) as Partial<Guard>;
  if (!name || typeof check !== "function")
    throw new DeputizeError("config_invalid", "a guard is a function, or has a `name` and a `check`");
  return like;
}

/** What a guard of JavaScript may be given: a list without names would ask for nothing, hence let everybody in. */
function named(guardName: string, names: readonly string[]): void {
  if (names.length > 0 && names.every((name) => typeof name === "string" && name !== "")) return;
  throw new DeputizeError("config_invalid", `${guardName} needs one name or more, each a text of its own`);
}

/** Guards inside of a guard, at least one. */
function someGuards(guardName: string, likes: readonly GuardLike[]): Guard[] {
  if (likes.length === 0) throw new DeputizeError("config_invalid", `${guardName} needs one guard or more`);
  return likes.map(asGuard);
}

/** Any authenticated caller. */
export function requireAuth(): Guard {
  return { name: "requireAuth", check: ({ caller }) => caller.subject.length > 0 };
}

/** Says out loud that every authenticated caller may use this. Tools with no rule at all do not register. */
export function publicTool(): Guard {
  return { name: "publicTool", check: () => true };
}

/** At least one of these roles. */
export function hasRole(...roles: [string, ...string[]]): Guard {
  named("hasRole", roles);
  return {
    name: `hasRole(${roles.join(", ")})`,
    check: ({ caller }) => roles.some((role) => caller.roles.includes(role)),
    describeDenial: () => `needs one of these roles: ${roles.join(", ")}`,
  };
}

/** Every one of these roles. */
export function hasAllRoles(...roles: [string, ...string[]]): Guard {
  named("hasAllRoles", roles);
  return {
    name: `hasAllRoles(${roles.join(", ")})`,
    check: ({ caller }) => roles.every((role) => caller.roles.includes(role)),
    describeDenial: () => `needs all of these roles: ${roles.join(", ")}`,
  };
}

/** At least one of these scopes: the same text, or covered when it has three parts. */
export function hasScope(...scopes: [string, ...string[]]): Guard {
  named("hasScope", scopes);
  return {
    name: `hasScope(${scopes.join(", ")})`,
    scopes,
    check: ({ caller }) => scopes.some((scope) => holdsScope(caller, scope)),
    describeDenial: () => `needs one of these scopes: ${scopes.join(", ")}`,
    missingScopes: ({ caller }) => (scopes.some((s) => holdsScope(caller, s)) ? [] : [scopes[0]]),
  };
}

/** Every one of these scopes. */
export function hasAllScopes(...scopes: [string, ...string[]]): Guard {
  named("hasAllScopes", scopes);
  return {
    name: `hasAllScopes(${scopes.join(", ")})`,
    scopes,
    check: ({ caller }) => scopes.every((scope) => holdsScope(caller, scope)),
    describeDenial: () => `needs all of these scopes: ${scopes.join(", ")}`,
    missingScopes: ({ caller }) => scopes.filter((scope) => !holdsScope(caller, scope)),
  };
}

/** Exactly one of these client ids. */
export function requireClientId(...clientIds: [string, ...string[]]): Guard {
  named("requireClientId", clientIds);
  return {
    name: `requireClientId(${clientIds.join(", ")})`,
    check: ({ caller }) => clientIds.includes(caller.clientId),
    describeDenial: () => "is for another client",
  };
}

/** A caller that belongs to a tenant. */
export function requireTenant(): Guard {
  return { name: "requireTenant", check: ({ caller }) => caller.tenant.length > 0 };
}

/** A caller of one of these tenants. */
export function hasTenant(...tenants: [string, ...string[]]): Guard {
  named("hasTenant", tenants);
  return {
    name: `hasTenant(${tenants.join(", ")})`,
    check: ({ caller }) => tenants.includes(caller.tenant),
    describeDenial: () => "is for another tenant",
  };
}

/** All of these guards, asked in order until one says no. One that is broken refuses, and a `not` around it does not help. */
export function all(...likes: [GuardLike, ...GuardLike[]]): Guard {
  const guards = someGuards("all", likes);
  return {
    name: `all(${guards.map((g) => g.name).join(", ")})`,
    check: async (input) => {
      for (const one of guards) if (!yesOrNo(one, await answerOf(one, input))) return false;
      return true;
    },
  };
}

/** Any one of these guards. One that is broken counts as refusing; the others still may allow. */
export function any(...likes: [GuardLike, ...GuardLike[]]): Guard {
  const guards = someGuards("any", likes);
  return {
    name: `any(${guards.map((g) => g.name).join(", ")})`,
    check: async (input) => {
      const answers: [Guard, Answer][] = [];
      for (const one of guards) {
        const answer = await answerOf(one, input);
        if (answer === true) return true;
        answers.push([one, answer]);
      }
      return answers.some(([one, answer]) => yesOrNo(one, answer));
    },
  };
}

/** The opposite of a guard. One that is broken still refuses: a broken rule never opens a door. */
export function not(like: GuardLike): Guard {
  const inner = asGuard(like);
  return {
    name: `not(${inner.name})`,
    check: async (input) => !yesOrNo(inner, await answerOf(inner, input)),
  };
}

export type GuardDecision =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      readonly guard: string;
      readonly denial: string;
      /** Set when every guard that refused asks for scopes only: getting these would open the tool. */
      readonly missingScopes?: readonly string[];
    };

/** Asks every guard until one refuses; on a scope refusal looks on, to learn whether only scopes are missing. */
export async function checkGuards(guards: readonly Guard[], input: GuardInput): Promise<GuardDecision> {
  if (guards.length === 0) return { allowed: false, guard: "none", denial: "has no guard" };
  let first: { guard: string; denial: string } | undefined;
  const missing = new Set<string>();
  for (const one of guards) {
    if ((await answerOf(one, input)) === true) continue;
    const scopes = missingScopesOf(one, input);
    first ??= { guard: one.name, denial: denialOf(one, input) };
    if (scopes.length === 0) return { allowed: false, ...first };
    for (const scope of scopes) missing.add(scope);
  }
  return first ? { allowed: false, ...first, missingScopes: [...missing] } : { allowed: true };
}

/** A rule that asks another system may take this long; every list asks all of them. */
const GUARD_TIMEOUT_MS = 5_000;

/** What a rule says. It is broken when it throws, is late, or says neither yes nor no: then its opposite holds no more than it. */
type Answer = boolean | "broken";

async function answerOf(one: Guard, input: GuardInput): Promise<Answer> {
  try {
    const asked = one.check(input);
    const answer: unknown = typeof asked === "boolean" ? asked : await inTime(asked);
    return typeof answer === "boolean" ? answer : "broken";
  } catch {
    return "broken";
  }
}

/** Throws for a broken rule, so that no rule made of it holds either. */
function yesOrNo(one: Guard, answer: Answer): boolean {
  if (answer === "broken") throw new DeputizeError("internal", `the guard ${one.name} gave no answer`);
  return answer;
}

async function inTime(answer: Promise<boolean>): Promise<unknown> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), GUARD_TIMEOUT_MS);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function missingScopesOf(one: Guard, input: GuardInput): readonly string[] {
  try {
    return one.missingScopes?.(input) ?? [];
  } catch {
    return [];
  }
}

function denialOf(one: Guard, input: GuardInput): string {
  try {
    return one.describeDenial?.(input).slice(0, 256) ?? `is refused by ${one.name}`;
  } catch {
    return `is refused by ${one.name}`;
  }
}

function holdsScope(caller: Caller, required: string): boolean {
  if (caller.scopes.includes(required)) return true;
  return readScope(required) !== undefined && caller.scopes.some((held) => scopeCovers(held, required));
}
