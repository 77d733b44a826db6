/**
 * What the installation decides: roles, audiences, and which actor may reach which audience. Written into the
 * database at start, where `attenuate` reads it under the same snapshot as the grant.
 */
import { DeputizeError, type PrincipalId, parseScope, permissionScope } from "@deputize/core";
import type { Queryable } from "@deputize/store";

export type AudienceKind = "api" | "agent" | "tool";

export interface AuthorityPolicy {
  /** The scopes that each role holds. A role that is not named here holds none. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** Who answers at each audience. Tokens for a `tool` are never exchanged (SR-10). */
  readonly audiences: Readonly<
    Record<string, { readonly kind: AudienceKind; readonly principal: PrincipalId }>
  >;
  /** Actor → the audiences that it may reach. */
  readonly edges: Readonly<Record<PrincipalId, readonly string[]>>;
  /** The audiences, besides the API, for which an agent may sign in with its API key; none unless told (SR-10). */
  readonly agentAudiences?: readonly string[];
  /** Roles of registered agents: a name, and the permissions that it stands for. */
  readonly agentRoles?: Readonly<Record<string, readonly string[]>>;
}

/** The audience of the API that people sign in to. Throws `config_invalid` when there is not exactly one. */
export function apiAudience(policy: AuthorityPolicy): string {
  const api = Object.entries(policy.audiences).filter(([, { kind }]) => kind === "api");
  if (api.length !== 1 || !api[0]) {
    throw new DeputizeError("config_invalid", "the policy names exactly one audience of kind `api`");
  }
  return api[0][0];
}

/** Throws `config_invalid` for an edge to nowhere; `invalid_scope` for a malformed scope. */
export function checkPolicy(policy: AuthorityPolicy): void {
  apiAudience(policy);
  for (const scopes of Object.values(policy.roles)) for (const scope of scopes) parseScope(scope);
  for (const audience of policy.agentAudiences ?? []) {
    if (policy.audiences[audience]) continue;
    throw new DeputizeError(
      "config_invalid",
      "`agentAudiences` names an audience that is not in `audiences`",
    );
  }
  for (const [role, permissions] of Object.entries(policy.agentRoles ?? {})) {
    if (!/^[a-z][a-z0-9_-]{0,63}$/.test(role)) {
      throw new DeputizeError("config_invalid", `\`${role}\` is no name of a role; use lower-case letters`);
    }
    for (const permission of permissions) permissionScope(permission);
  }
  for (const [actor, audiences] of Object.entries(policy.edges)) {
    for (const audience of audiences) {
      if (policy.audiences[audience]) continue;
      throw new DeputizeError(
        "config_invalid",
        `the edge from ${actor} leads to an audience that is not named`,
      );
    }
  }
}

/** Makes the database's audiences and edges of this tenant equal to the policy. */
export async function writePolicy(tx: Queryable, tenant: string, policy: AuthorityPolicy): Promise<void> {
  checkPolicy(policy);
  const audiences = Object.entries(policy.audiences);
  const edges = Object.entries(policy.edges).flatMap(([actor, list]) => list.map((a) => [actor, a] as const));
  await tx.query(`DELETE FROM authority.audiences WHERE tenant = $1 AND NOT audience = ANY ($2::text[])`, [
    tenant,
    audiences.map(([audience]) => audience),
  ]);
  await tx.query(
    `INSERT INTO authority.audiences (tenant, audience, kind, principal)
     SELECT $1, a, k, p FROM unnest($2::text[], $3::text[], $4::uuid[]) AS t(a, k, p)
     ON CONFLICT (tenant, audience) DO UPDATE SET kind = excluded.kind, principal = excluded.principal`,
    [
      tenant,
      audiences.map(([audience]) => audience),
      audiences.map(([, { kind }]) => kind),
      audiences.map(([, { principal }]) => principal),
    ],
  );
  await tx.query(
    `DELETE FROM authority.edges e WHERE e.tenant = $1
       AND NOT EXISTS (SELECT FROM unnest($2::uuid[], $3::text[]) AS t(a, u) WHERE t.a = e.actor AND t.u = e.audience)`,
    [tenant, edges.map(([actor]) => actor), edges.map(([, audience]) => audience)],
  );
  await tx.query(
    `INSERT INTO authority.edges (tenant, actor, audience)
     SELECT $1, a, u FROM unnest($2::uuid[], $3::text[]) AS t(a, u) ON CONFLICT DO NOTHING`,
    [tenant, edges.map(([actor]) => actor), edges.map(([, audience]) => audience)],
  );
}
