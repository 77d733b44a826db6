/**
 * From an identity to a caller, by what the operator wrote of its issuer.
 *
 * Guarantees: an issuer that nobody wrote down makes no caller; a subject is reached only through its issuer, so that one
 * `userId` of two issuers is two people; of an issuer's roles only those count that its list names, and a tenant only where it is
 * listed (SR-09). An identity never becomes a first-party session, so it decides no approval (SR-05).
 * Does not: put the caller on a grant. `linkedCallers` of the authority takes what this makes and does.
 */
import { type Caller, DeputizeError, type PrincipalKind } from "@deputize/core";
import {
  type Authenticator as CallerAuthenticator,
  type RolePolicy,
  deepFreeze,
  externalSubject,
  permitted,
} from "@deputize/mcp/auth";
import { AuthRefused } from "./auth-code.ts";
import { type Identity, rejected } from "./authenticator.ts";
import type { AuthenticatorChain } from "./chain.ts";

/** What an issuer may say of its users here. */
export interface IssuerPolicy {
  /** None of its roles count unless they are listed. */
  readonly roles?: RolePolicy;
  /** Where its users live; `default` unless told. */
  readonly tenant?: string;
  /** Tenants that it may name by itself, beside `tenant`. */
  readonly tenants?: readonly string[];
  /** `user` unless told. */
  readonly kind?: PrincipalKind;
}

export type IssuerPolicies = Readonly<Record<string, IssuerPolicy>>;

/** The caller of an identity. Throws `AuthRefused` for an issuer or a tenant that nobody wrote down. */
export function callerOf(identity: Identity, issuers: IssuerPolicies): Caller {
  const policy = Object.hasOwn(issuers, identity.issuer) ? issuers[identity.issuer] : undefined;
  if (!policy) throw new AuthRefused(rejected("INVALID_TOKEN", "the issuer is not among `issuers`"));
  const { tenant: home = "default", tenants = [], kind = "user" } = policy;
  const { tenantId = home, issuer, userId, tokenId, expiresAt, authTime } = identity;
  if (tenantId !== home && !tenants.includes(tenantId))
    throw new AuthRefused(rejected("INVALID_TOKEN", "the issuer may not name this tenant"));
  const client = identity.claims["client_id"] ?? identity.claims["azp"];
  return {
    tenant: tenantId,
    subject: externalSubject(issuer, userId),
    subjectKind: kind,
    actors: [],
    roles: permitted(identity.roles, policy.roles ?? {}),
    scopes: identity.scopes,
    grants: [],
    clientId: typeof client === "string" && client !== "" ? client : userId,
    ...((tokenId !== undefined || expiresAt !== undefined) && {
      token: {
        issuer,
        jti: tokenId ?? "",
        audience: [],
        issuedAt: authTime ?? 0,
        expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
      },
    }),
  };
}

export interface ChainCallersOptions {
  readonly issuers: IssuerPolicies;
  /** Where a request comes from, for address lists and limits. */
  readonly peerOf?: (request: Request) => string | undefined;
  /** Headers beside `Authorization` that the authenticators read a credential from. */
  readonly credentialHeaders?: readonly string[];
}

/**
 * A chain as tool servers and `linkedCallers` ask it: `authenticate(request)` answers the caller or throws `AuthRefused`; `claimsOf`
 * answers the identity's claims. Throws `config_invalid` when `issuers` is empty.
 */
export function chainCallers(chain: AuthenticatorChain, options: ChainCallersOptions): CallerAuthenticator {
  const { issuers, peerOf, credentialHeaders = ["x-api-key"] } = options;
  if (Object.keys(issuers).length === 0)
    throw new DeputizeError("config_invalid", "`issuers` names no issuer, so that nobody could sign in");
  const identities = new WeakMap<Caller, Identity>();
  return {
    name: chain.names.join(", then "),
    credentialHeaders,
    claimsOf: (caller) => identities.get(caller)?.claims,
    authenticate: async (request) => {
      const peerAddress = peerOf?.(request);
      const outcome = await chain.authenticate(request, {
        ...(peerAddress !== undefined && { peerAddress }),
      });
      if (!outcome.ok) throw new AuthRefused(outcome);
      const caller = deepFreeze(callerOf(outcome.identity, issuers));
      identities.set(caller, outcome.identity);
      return caller;
    },
  };
}
