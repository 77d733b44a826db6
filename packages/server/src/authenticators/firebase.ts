/**
 * Firebase Authentication: ID tokens of one project.
 *
 * Guarantees: RS256 by Google's published keys, which are kept for as long as Google says, asked for once at a time, and go on
 * counting for an hour while Google cannot be reached; issuer and audience are the project's; `exp`, `iat`, `auth_time` and a `sub` of at
 * most 128 characters are there. With `accounts`, a disabled user and a token from before a revocation are refused, too. A token
 * of a tenant counts only where that tenant is listed. Unsigned tokens of the emulator never count, and a server in production
 * does not start with one set. Whatever is wrong, nothing of a library's words reaches a client.
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import {
  type ClaimPath,
  CredentialRefusal,
  claimAt,
  isLocalHttp,
  productionSetting,
  providerUrl,
  publishedKeys,
} from "@deputize/mcp/auth";
import { z } from "zod";
import { type Authenticator, type IdentityInput, SKIP, rejected } from "./authenticator.ts";
import { type FirebaseAccountsOptions, firebaseAccounts } from "./firebase-accounts.ts";
import { identityTokens, rejectionOf, unverifiedClaims } from "./identity-tokens.ts";

export interface FirebaseOptions {
  /** `firebase` unless told. */
  readonly name?: string;
  readonly projectId: string;
  /** True: only users whose address was verified. */
  readonly verifiedEmail?: boolean;
  /** Tenants of Identity Platform whose users are let in. Absent: only users without one. */
  readonly tenants?: readonly string[];
  /** The custom claim that holds roles; `roles` unless told. Which of them count, the issuer's policy says. */
  readonly rolesAt?: ClaimPath;
  /** Asks for each user whether they are disabled or were signed out everywhere. */
  readonly accounts?: FirebaseAccountsOptions;
  /** For tests: a JWK set on this machine in place of Google's. Refused in production. */
  readonly keysUrl?: string;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** Where production shows; that of the process unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const GOOGLE_KEYS =
  "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";
const PROJECT = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
/** Keys of an answer that says nothing about its age. */
const LEAST_SECONDS = 60;
const STALE_SECONDS = 3600;

const FirebaseClaims = z.object({
  sub: z.string().min(1).max(128),
  iat: z.number(),
  auth_time: z.number(),
  email_verified: z.boolean().optional(),
  firebase: z.object({ tenant: z.string().min(1).optional() }).optional(),
});

/** The issuer of a project's users. */
export function firebaseIssuer(projectId: string): string {
  return `https://securetoken.google.com/${projectId}`;
}

/** An authenticator over ID tokens of a Firebase project. Throws `config_invalid`. */
export function firebaseAuthenticator(options: FirebaseOptions): Authenticator {
  const { name = "firebase", projectId, tenants = [], clock = systemClock } = options;
  const get = options.fetch ?? fetch;
  if (!PROJECT.test(projectId))
    throw new DeputizeError(
      "config_invalid",
      `${name}: \`projectId\` is the project's id, such as my-app-12345`,
    );
  const keysUrl = providerUrl(options.keysUrl ?? GOOGLE_KEYS, "`keysUrl`");
  refuseEmulator(name, options.environment ?? process.env, isLocalHttp(keysUrl));
  const issuer = firebaseIssuer(projectId);
  const keys = publishedKeys({
    issuer,
    jwksUri: keysUrl.href,
    algorithms: ["RS256"],
    fetch: get,
    clock,
    keepSeconds: LEAST_SECONDS,
    byMaxAge: true,
    staleSeconds: STALE_SECONDS,
  });
  const accounts =
    options.accounts && firebaseAccounts({ ...options.accounts, projectId, fetch: get, clock });
  const identityOf = identityTokens({
    issuer,
    identityIssuer: issuer,
    audience: [projectId],
    algorithms: ["RS256"],
    types: ["JWT"],
    keys,
    leewaySeconds: 0,
    clock,
    userClaims: ["sub"],
    tenantAt: ["firebase", "tenant"],
    ...(options.rolesAt && { rolesAt: options.rolesAt }),
    also: (payload, now) => {
      const claims = FirebaseClaims.parse(payload);
      if (claims.auth_time > now) throw new CredentialRefusal("the sign-in is in the future");
      const { tenant } = claims.firebase ?? {};
      if (tenant === undefined ? tenants.length > 0 : !tenants.includes(tenant))
        throw new CredentialRefusal("the tenant is not let in");
      if (options.verifiedEmail && claims.email_verified !== true)
        throw new CredentialRefusal("the address was not verified");
    },
  });

  return {
    name,
    schemes: [{ kind: "openIdConnect", issuer }],
    authenticate: async ({ bearer }, signal) => {
      if (bearer === undefined || unverifiedClaims(bearer)?.["iss"] !== issuer) return SKIP;
      let identity: IdentityInput;
      try {
        identity = await identityOf(bearer);
      } catch (error) {
        return rejectionOf(error);
      }
      const signedIn = claimAt(identity.claims, ["auth_time"], z.number()) ?? 0;
      if (accounts && !(await accounts.stands(identity.userId, identity.tenantId, signedIn, signal)))
        return rejected("REVOKED_TOKEN", "the user is disabled or was signed out");
      return { ok: true, identity };
    },
  };
}

function refuseEmulator(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  local: boolean,
): void {
  const production = productionSetting(environment);
  const emulator = environment["FIREBASE_AUTH_EMULATOR_HOST"];
  if (production && (local || emulator))
    throw new DeputizeError(
      "config_invalid",
      `${name}: ${local ? "`keysUrl` on this machine" : "FIREBASE_AUTH_EMULATOR_HOST"} is refused with ${production}=production; take it out`,
    );
}
