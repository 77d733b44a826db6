/**
 * The setting `auth`, made into who signs people in.
 *
 * Guarantees: every way in is made when the server starts, and what is wrong with one stops it there; a class, a function and an object
 * are taken for an authenticator, and nothing else; of an issuer's roles those count that its entry lists, or that `authorization`
 * knows (SR-09). A caller by a token of the authority is that principal, with its grants and whoever acts for it.
 */
import { type TokenVerifier, createVerifier } from "@deputize/client";
import { type Caller, DeputizeError, faultInOneLine } from "@deputize/core";
import {
  type Authenticator,
  type Identity,
  type IdentityInput,
  type IssuerPolicy,
  authenticatorChain,
  callerOf,
  jwtFromEnvironment,
} from "../../authenticators/index.ts";
import { unverifiedClaims } from "../../authenticators/identity-tokens.ts";
import type { ServerAuth } from "../sign-in.ts";
import type { WayIn } from "./auth-setting.ts";
import { loadCode } from "./import-code.ts";
import type { Project } from "./read-project.ts";

/** What authenticators of the project are made with. */
export interface AuthContext {
  readonly env: Project["env"];
  readonly container: unknown;
}

export interface ProjectAuthOptions {
  readonly context: AuthContext;
  /** Roles that `authorization` knows. */
  readonly roles: readonly string[];
  readonly onRefusal?: (note: { readonly code: string; readonly reason: string }) => void;
  readonly fetch?: typeof fetch;
}

interface Made {
  readonly authenticator: Authenticator;
  readonly policy: Pick<IssuerPolicy, "roles" | "tenant" | "tenants">;
  /** The verified caller of an identity of ours. */
  readonly callerOf?: (identity: Identity, request: Request) => Promise<Caller>;
}

/** Who signs people in; null where nobody is asked. Throws `config_invalid`. */
export async function projectAuth(project: Project, options: ProjectAuthOptions): Promise<ServerAuth | null> {
  const setting = project.config.auth ?? null;
  if (setting === null) return null;
  const listed = Array.isArray(setting);
  const ways: readonly WayIn[] = listed ? setting : [setting];
  const made: Made[] = [];
  try {
    for (const [at, way] of ways.entries())
      made.push(await make(way, listed ? `auth[${at}]` : "auth", project, options));
    const chain = authenticatorChain(
      made.map(({ authenticator }) => authenticator),
      options.onRefusal && { onRefusal: options.onRefusal },
    );
    const byName = new Map(made.map((one) => [one.authenticator.name, one]));
    return {
      chain: { ...chain, authenticate: (request, how) => remembering(chain.authenticate(request, how)) },
      callerFor: async (identity, request) => {
        const way = byName.get(cameBy.get(identity) ?? "");
        return (
          way?.callerOf?.(identity, request) ?? callerOf(identity, policies(identity, way, options.roles))
        );
      },
    };
  } catch (error) {
    await Promise.all(made.map(({ authenticator }) => authenticator.close?.()));
    throw error;
  }
}

type Outcome = Awaited<ReturnType<ServerAuth["chain"]["authenticate"]>>;

/** Which way in an identity came by. */
const cameBy = new WeakMap<Identity, string>();

async function remembering(asked: Promise<Outcome>): Promise<Outcome> {
  const outcome = await asked;
  if (outcome.ok) cameBy.set(outcome.identity, outcome.authenticator);
  return outcome;
}

function policies(identity: Identity, way: Made | undefined, known: readonly string[]) {
  const { roles = { allow: known }, tenant, tenants } = way?.policy ?? {};
  const vouched = identity.tenantId !== undefined && tenants === undefined ? [identity.tenantId] : tenants;
  return {
    [identity.issuer]: {
      roles,
      ...(tenant !== undefined && { tenant }),
      ...(vouched && { tenants: vouched }),
    },
  };
}

async function make(
  way: WayIn,
  setting: string,
  project: Project,
  options: ProjectAuthOptions,
): Promise<Made> {
  if (way === "jwt") return { authenticator: jwtFromEnvironment(project.env), policy: {} };
  const policy = {
    ...(way.roles && { roles: rolePolicy(way.roles) }),
    ...(way.tenant !== undefined && { tenant: way.tenant }),
    ...(way.tenants && { tenants: way.tenants }),
  };
  switch (way.method) {
    case "jwt":
      return {
        policy,
        authenticator: jwtFromEnvironment(project.env, {
          ...(way.required_claims && { requiredClaims: way.required_claims }),
          ...(way.leeway_seconds !== undefined && { leewaySeconds: way.leeway_seconds }),
          ...(way.types && { types: way.types }),
          ...(way.roles_at !== undefined && { rolesAt: way.roles_at }),
          ...(way.tenant_at !== undefined && { tenantAt: way.tenant_at }),
        }),
      };
    case "custom": {
      const value = await loadCode(project.folder, way.path, `${setting}.path`);
      return { policy, authenticator: await authenticatorOf(value, `${setting}.path`, options.context) };
    }
    case "deputize":
      return { policy, ...(await ofAuthority(way, options)) };
  }
}

function rolePolicy({
  allow,
  map,
}: {
  allow?: string[] | undefined;
  map?: Record<string, string> | undefined;
}) {
  return { ...(allow && { allow }), ...(map && { map }) };
}

/** What code of the project exported, as an authenticator: itself, an instance of the class, or what the function makes. */
async function authenticatorOf(
  value: unknown,
  setting: string,
  context: AuthContext,
): Promise<Authenticator> {
  let made: unknown = value;
  if (typeof value === "function") {
    try {
      made = isClass(value) ? Reflect.construct(value, [context]) : await value(context);
    } catch (cause) {
      throw new DeputizeError(
        "config_invalid",
        `${setting}: the authenticator was not made: ${faultInOneLine(cause)}`,
        {
          cause,
        },
      );
    }
  }
  const one = made as Partial<Authenticator> | null | undefined;
  if (typeof one !== "object" || one === null || typeof one.authenticate !== "function")
    throw new DeputizeError(
      "config_invalid",
      `${setting}: is no authenticator; export an object with \`name\` and \`authenticate(request, signal)\`, a class of one, or a function that makes one`,
    );
  if (typeof one.name === "string" && one.name !== "") return one as Authenticator;
  throw new DeputizeError("config_invalid", `${setting}: the authenticator has no \`name\``);
}

function isClass(value: object): boolean {
  const { prototype } = value as { prototype?: unknown };
  return typeof prototype === "object" && prototype !== null && "authenticate" in prototype;
}

type OfAuthority = Extract<WayIn, { method: "deputize" }>;

/** Tokens of our own authority: verified offline, and refused within a second of their revocation (SR-11). */
async function ofAuthority(way: OfAuthority, options: ProjectAuthOptions): Promise<Omit<Made, "policy">> {
  const { audience } = way;
  const issuer = way.issuer.replace(/\/+$/, "");
  const verifier: TokenVerifier = await createVerifier({
    authorityUrl: issuer,
    profiles: [
      { kind: "oauth", issuer },
      ...(way.workers ? [{ kind: "agentwrit" as const, issuer: way.workers }] : []),
    ],
    ...(options.fetch && { fetch: options.fetch }),
  });
  const verified = (bearer: string) => verifier.verify(bearer, { audience });
  return {
    authenticator: {
      name: "deputize",
      async authenticate({ bearer }) {
        // Whose token it says that it is, to know whom to ask; nothing else is believed of it.
        const iss = unverifiedClaims(bearer)?.["iss"];
        if (bearer === undefined || (iss !== issuer && iss !== (way.workers ?? issuer)))
          return { ok: false, skip: true };
        return { ok: true, identity: identityOfCaller(await verified(bearer), issuer) };
      },
      close: () => verifier.close(),
    },
    callerOf: (_identity, request) =>
      verified(/^bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? ""),
  };
}

function identityOfCaller(caller: Caller, issuer: string): IdentityInput {
  const { token } = caller;
  return {
    userId: caller.subject,
    issuer,
    tenantId: caller.tenant,
    roles: [...caller.roles],
    scopes: caller.scopes.flatMap(asHere),
    claims: { client_id: caller.clientId },
    ...(token && { tokenId: token.jti, expiresAt: token.expiresAt }),
  };
}

/**
 * Scopes of the authority are `action:resource:identifier`, those of routes `resource:action`: `invoke:graph:*` is `graph:invoke`.
 * The word of the authority stays beside it, so that a token that holds other scopes only reaches nothing.
 */
function asHere(scope: string): string[] {
  const [action = "", resource = "", identifier = ""] = scope.split(":");
  if (identifier !== "*") return [scope];
  return [scope, resource === "*" ? (action === "*" ? "*" : scope) : `${resource}:${action}`];
}
