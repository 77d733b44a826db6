/**
 * Who asks: from a request's credential to the caller that agents work for.
 *
 * Guarantees: who somebody is comes from the authenticators alone; header, body and address of a request add nothing to it. Without
 * authentication there is one anonymous caller, and never one beside authentication. The identity travels in a context that
 * request data cannot reach [AF-F09].
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { AgentAuthority, AgentCaller } from "@deputize/agent";
import { type Caller, DeputizeError, type PrincipalId, freezeCaller, stableId } from "@deputize/core";
import {
  AuthRefused,
  type AuthenticatorChain,
  type Identity,
  type IssuerPolicies,
  callerOf,
} from "../authenticators/index.ts";
import { rejected } from "../authenticators/authenticator.ts";
import type { Authorization } from "./authorization/authorization.ts";

export interface ServerAuth {
  readonly chain: AuthenticatorChain;
  /**
   * What each issuer may say of its users. Absent: whoever the chain accepts is a caller of the tenant that they name or of
   * `default`, and of their roles those count that `authorization` knows.
   */
  readonly issuers?: IssuerPolicies;
  /** Makes the caller by itself, such as `linkedCallers` of an authority. Throws to refuse. */
  readonly callerFor?: (identity: Identity, request: Request) => Promise<Caller>;
  /** How the caller's agents get tokens for what they call; without it they reach no server that wants one. */
  readonly authorityFor?: (who: {
    readonly caller: Caller;
    readonly identity: Identity;
    readonly bearer: string | undefined;
  }) => AgentAuthority;
}

/** Somebody whose credential held. */
export interface SignedIn extends AgentCaller {
  readonly identity: Identity | undefined;
}

export interface SignIn {
  /** Throws `AuthRefused`. */
  (request: Request, how: { readonly transport: "http" | "ws"; readonly source: string }): Promise<SignedIn>;
}

const TENANT = /^[A-Za-z0-9_.-]{1,64}$/;

const NO_HOPS: AgentAuthority = {
  tokenFor: () =>
    Promise.reject(
      new DeputizeError(
        "forbidden",
        "this server has no authority to ask for tokens; give `auth` an `authorityFor`",
      ),
    ),
};

/** Whoever asks where nobody is asked who they are. */
export const ANONYMOUS: SignedIn = Object.freeze({
  identity: undefined,
  authority: NO_HOPS,
  caller: freezeCaller({
    tenant: "default",
    subject: stableId("agent-server:anonymous") as PrincipalId,
    subjectKind: "user",
    actors: [],
    roles: [],
    scopes: [],
    grants: [],
    clientId: "anonymous",
  }),
});

/** Sign-in by the chain; `null` is the mode without authentication. */
export function signInBy(auth: ServerAuth | null, authorization: Authorization): SignIn {
  if (!auth) return async () => ANONYMOUS;
  const { chain, issuers, callerFor, authorityFor } = auth;

  /** What holds for an issuer that the operator did not write down by itself: the chain vouches for it. */
  function policies({ issuer, tenantId }: Identity): IssuerPolicies {
    return (
      issuers ?? {
        [issuer]: {
          roles: { allow: authorization.roles },
          ...(tenantId !== undefined && { tenants: [tenantId] }),
        },
      }
    );
  }

  return async (request, { transport, source }) => {
    const outcome = await chain.authenticate(request, { transport, peerAddress: source });
    if (!outcome.ok) throw new AuthRefused(outcome);
    const { identity } = outcome;
    // Such a tenant could stand in no entry of the log.
    if (identity.tenantId !== undefined && !TENANT.test(identity.tenantId))
      throw new AuthRefused(rejected("INVALID_TOKEN", "the tenant is no name"));
    const own = callerFor ? await callerFor(identity, request) : callerOf(identity, policies(identity));
    const caller = freezeCaller(
      authorization.isolation === "none" ? { ...own, subject: everybody(own.tenant) } : own,
    );
    const bearer = /^bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    return { caller, identity, authority: authorityFor?.({ caller, identity, bearer }) ?? NO_HOPS };
  };
}

/** The one owner of a tenant whose users are not kept apart. */
function everybody(tenant: string): PrincipalId {
  return stableId(`agent-server:everybody:${tenant}`) as PrincipalId;
}

const present = new AsyncLocalStorage<Identity | undefined>();

/** Runs work, such as a turn of an agent, for an identity. */
export function withIdentity<T>(identity: Identity | undefined, work: () => T): T {
  return present.run(identity, work);
}

/** The verified identity that the present work is for: in a tool, that of whoever asked the agent. */
export function currentIdentity(): Identity | undefined {
  return present.getStore();
}
