/**
 * The `oauth` profile: RFC 9068 access-token claims, RFC 8693 `act`, and ours (`tenant`, `sub_kind`, `roles`,
 * `grants`, `epochs`). The client's reader of the same claims is `@deputize/client`'s claims.ts.
 */
import type { PrincipalId } from "@deputize/core";
import type { Grant } from "../grants/grant.ts";
import type { IssueOptions, ProfileInput } from "./issue.ts";

interface Act {
  readonly sub: PrincipalId;
  readonly act?: Act;
}

/** Nested actor claims, the current actor outermost (RFC 8693 §4.1). */
function actClaim(actors: readonly PrincipalId[]): Act | undefined {
  return actors.reduceRight<Act | undefined>(
    (inner, sub) => (inner ? { sub, act: inner } : { sub }),
    undefined,
  );
}

/** Absent where there are none, so that a token says no more than it must. */
export function constraintsClaim({ constraints }: Grant): { readonly constraints?: Grant["constraints"] } {
  return Object.keys(constraints).length === 0 ? {} : { constraints };
}

export function oauthClaims(input: ProfileInput, options: IssueOptions): Record<string, unknown> {
  const { grant, audiences } = input;
  const act = actClaim(grant.actors);
  // Only the person's own session token says which session it is (SR-05).
  const session = grant.kind === "session" && grant.actors.length === 0 ? options.session : undefined;
  const agent = grant.kind === "api_key" ? options.agent : undefined;
  return {
    iss: input.issuer,
    sub: grant.subject,
    aud: audiences.length === 1 ? audiences[0] : audiences,
    exp: input.expiresAt,
    nbf: input.issuedAt,
    iat: input.issuedAt,
    jti: input.jti,
    client_id: grant.clientId,
    scope: grant.scopes.join(" "),
    ...(act && { act }),
    tenant: grant.tenant,
    sub_kind: grant.subjectKind,
    roles: grant.roles,
    grants: grant.path,
    epochs: grant.epochs,
    ...(grant.app !== null && { app_id: grant.app }),
    ...(grant.task !== null && { task_id: grant.task }),
    ...(grant.orchestration !== null && { orch_id: grant.orchestration }),
    ...constraintsClaim(grant),
    ...(options.cnf && { cnf: options.cnf }),
    ...(agent && {
      agent_id: grant.subject,
      key_id: agent.keyId,
      ...(agent.owner !== undefined && { owner: agent.owner }),
    }),
    ...(session && { sid: session.id, auth_time: session.authenticatedAt }),
  };
}
