/**
 * What somebody who is known may do at an agent server: the scopes of their roles, narrowed by those of their credential, and
 * what a backend of one's own says beside.
 *
 * Guarantees: nothing is allowed that no rule says; a backend that throws, or answers nothing known, refuses, and where it cannot
 * tell the answer is 503 and never yes [AF-D08]. A credential that names scopes of this server reaches no further than these.
 * Does not: tell a credential with an empty list of scopes from one without: both are bounded by their user's roles alone.
 * Does not: decide whose rows these are. The stores do, by the caller; `isolation` says which owner a caller is to them.
 */
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import { AuthRefused } from "../../authenticators/auth-code.ts";
import { type Identity, rejected } from "../../authenticators/authenticator.ts";
import type { RouteScope } from "../route.ts";
import { RolesSetting, type RolesInput } from "./roles.ts";

/** What is asked of a backend. */
export interface AuthorizationRequest {
  readonly caller: Caller;
  readonly identity: Identity;
  readonly scope: RouteScope;
  readonly method: string;
  /** The route's template, such as `/v1/threads/{id}`. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
}

/** Rules of one's own. What is left out adds nothing: ownership stays. */
export interface AuthorizationBackend {
  readonly name: string;
  /** True allows; anything else refuses, a throw included. */
  authorize?(asked: AuthorizationRequest, signal: AbortSignal): boolean | Promise<boolean>;
  /** `*` in the list, or null, is everything; an empty list is nothing; undefined is `defaultScopes`. */
  scopesFor?(
    identity: Identity,
    signal: AbortSignal,
  ): readonly string[] | null | undefined | Promise<readonly string[] | null | undefined>;
  readonly defaultScopes?: readonly string[];
  /** `owner` unless told. */
  isolationScope?(): "owner" | "none";
  /** Forgets what is kept of a user. */
  evict?(userId: string): void | Promise<void>;
  close?(): Promise<void>;
}

export type AuthorizationSetting = "ownership" | "allow_all" | RolesInput | AuthorizationBackend;

/** A setting, resolved. */
export interface Authorization {
  readonly name: string;
  readonly isolation: "owner" | "none";
  /** Roles of an issuer that count where the operator lists none. */
  readonly roles: readonly string[];
  /** Throws `AuthRefused`: `INSUFFICIENT_SCOPE`, `FORBIDDEN`, `AUTH_UNAVAILABLE`. */
  authorize(asked: AuthorizationRequest): Promise<void>;
  evict(userId: string): Promise<void>;
  close(): Promise<void>;
}

/** The longest that a backend may take. */
const TIMEOUT_MS = 2000;
/** Of OpenID Connect: they say what a client may read of a person, and nothing of this server. */
const OIDC_SCOPES = new Set(["openid", "profile", "email", "address", "phone", "offline_access"]);

/** True when a list of scopes holds one: itself, `*`, or `resource:*`. */
export function covers(held: readonly string[], scope: RouteScope): boolean {
  return held.includes("*") || held.includes(scope) || held.includes(`${scope.split(":", 1)[0]}:*`);
}

/** The rule of a setting. Throws `config_invalid` for one that is none. */
export function authorizationOf(setting: AuthorizationSetting = "ownership"): Authorization {
  if (setting === "ownership") return fromBackend({ name: "ownership", scopesFor: () => null }, []);
  if (setting === "allow_all")
    return fromBackend({ name: "allow_all", scopesFor: () => null, isolationScope: () => "none" }, []);
  if (typeof setting !== "object" || setting === null)
    throw new DeputizeError(
      "config_invalid",
      "`authorization` is `ownership`, `allow_all`, an object of roles, or a backend",
    );
  if ("name" in setting) return fromBackend(setting, []);
  const read = RolesSetting.safeParse(setting);
  if (!read.success) {
    const wrong = read.error.issues.map(
      ({ path, message }) => `${path.join(".") || "authorization"}: ${message}`,
    );
    throw new DeputizeError("config_invalid", `these roles cannot work: ${wrong.join("; ")}`);
  }
  const { roles, defaultScopes, isolation } = read.data;
  return fromBackend(
    {
      name: "roles",
      isolationScope: () => isolation,
    },
    Object.keys(roles),
    (caller) => {
      const known = caller.roles.filter((role) => Object.hasOwn(roles, role));
      return known.length === 0 ? defaultScopes : known.flatMap((role) => roles[role] ?? []);
    },
  );
}

function fromBackend(
  backend: AuthorizationBackend,
  roles: readonly string[],
  byRole?: (caller: Caller) => readonly string[],
): Authorization {
  const isolation = backend.isolationScope?.() ?? "owner";
  if (isolation !== "owner" && isolation !== "none")
    throw new DeputizeError("config_invalid", "`isolation` is `owner` or `none`");

  async function scopesOf(
    { identity, caller }: AuthorizationRequest,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (byRole) return byRole(caller);
    // Without an answer of its own, a backend's defaults; with neither, its `authorize` is the rule.
    const { scopesFor, defaultScopes = scopesFor || !backend.authorize ? [] : ["*"] } = backend;
    const said = await scopesFor?.call(backend, identity, signal);
    if (said === undefined) return defaultScopes;
    if (said === null) return ["*"];
    if (!Array.isArray(said)) throw new TypeError("scopesFor answered no list");
    return said;
  }

  async function within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const late = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(new Unanswered()), { once: true }),
    );
    return Promise.race([work(signal), late]);
  }

  return {
    name: backend.name,
    isolation,
    roles,
    async authorize(asked) {
      try {
        await within(async (signal) => {
          const held = await scopesOf(asked, signal);
          const own = asked.identity.scopes.filter((scope) => !OIDC_SCOPES.has(scope));
          if (!covers(held, asked.scope) || (own.length > 0 && !covers(own, asked.scope)))
            throw lacking(asked.scope);
          if (backend.authorize && (await backend.authorize(asked, signal)) !== true)
            throw new AuthRefused(rejected("FORBIDDEN", "the policy refused"));
        });
      } catch (error) {
        if (error instanceof AuthRefused) throw error;
        if (isDeputizeError(error) && error.status === 403)
          throw new AuthRefused(rejected("FORBIDDEN", "the policy refused"));
        throw new AuthRefused(rejected("AUTH_UNAVAILABLE", "the authorization backend could not tell"));
      }
    },
    evict: async (userId) => backend.evict?.(userId),
    close: async () => backend.close?.(),
  };
}

class Unanswered extends Error {}

function lacking(scope: RouteScope): AuthRefused {
  return new AuthRefused(
    rejected("INSUFFICIENT_SCOPE", "the scope is missing", {
      challenge: `Bearer error="insufficient_scope", scope="${scope}"`,
    }),
  );
}
