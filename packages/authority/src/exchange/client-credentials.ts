/**
 * A token for a program itself (RFC 6749 §4.4): agents and services, never people.
 *
 * Guarantees: scopes are requested ∩ what the program holds; a program with no scopes of its own gets none;
 * an audience needs an (actor → audience) edge, the API excepted. It does not outlive what the program proved itself with.
 */
import { type Clock, DeputizeError, type PrincipalId, scopeIntersect } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import type { Grants } from "../grants/grants.ts";
import { secondsUntil } from "../seconds-until.ts";
import type { AuthenticatedClient } from "../http/client-authentication.ts";
import type { Principals } from "../principals/principals.ts";
import type { Issue, SignedToken } from "../tokens/issue.ts";

export type ClientCredentials = (
  client: AuthenticatedClient,
  request: { readonly audiences: readonly string[]; readonly scopes?: readonly string[] },
) => Promise<SignedToken>;

/** What a program may do for itself, and until when at most (epoch milliseconds, or Infinity). */
export interface ClientHoldings {
  readonly scopes: readonly string[];
  readonly endsAt: number;
}

/** Its ceiling without end unless another room knows better. Throws `invalid_client` when its credential has ended since. */
export type HoldingsOfClient = (tx: Queryable, client: AuthenticatedClient) => Promise<ClientHoldings>;

export function createClientCredentials(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly principals: Principals;
  readonly grants: Grants;
  readonly issue: Issue;
  readonly edges: Readonly<Record<PrincipalId, readonly string[]>>;
  readonly apiAudience: string;
  readonly lifetimeSeconds: number;
  readonly holdingsOfClient?: HoldingsOfClient;
}): ClientCredentials {
  const { store, clock, principals, grants, issue } = options;
  return async (client, request) => {
    const grant = await store.transaction("authority", async (tx) => {
      const ref = { tenant: client.tenant, id: client.principal };
      const principal = await principals.get(tx, ref);
      if (!principal || principal.kind === "user") {
        throw new DeputizeError("forbidden", "only agents and services get tokens of their own");
      }
      const reachable = [options.apiAudience, ...(options.edges[client.principal] ?? [])];
      if (!request.audiences.every((audience) => reachable.includes(audience))) {
        throw new DeputizeError("invalid_target", "the client has no edge to that audience");
      }
      const { scopes: own, endsAt } = options.holdingsOfClient
        ? await options.holdingsOfClient(tx, client)
        : { scopes: principal.ceiling ?? [], endsAt: Infinity };
      const scopes = request.scopes ? scopeIntersect(request.scopes, own) : own;
      if (scopes.length === 0)
        throw new DeputizeError("invalid_scope", "the client holds none of these scopes");
      return grants.createRoot(tx, {
        kind: "service",
        tenant: client.tenant,
        subject: client.principal,
        actor: client.principal,
        clientId: client.principal,
        scopes,
        audiences: request.audiences,
        ttlSeconds: secondsUntil(clock, endsAt, options.lifetimeSeconds),
      });
    });
    return issue(grant, "oauth", { lifetimeSeconds: options.lifetimeSeconds });
  };
}
