/**
 * Token exchange (RFC 8693): the next hop of delegation.
 *
 * Guarantees: the exchanger is the token's audience or its current actor; a token for a leaf tool is never
 * exchanged; an (actor → audience) edge exists; the person's permission for the actor, and for the agent that
 * answers at the new audience, is asked now, in the transaction that makes the child (SR-10). The child's
 * scopes are requested ∩ parent ∩ ceilings. Every refusal is in the log.
 * Does not: authenticate the exchanger (http/client-authentication.ts does, before).
 */
import { type Caller, type Clock, DeputizeError, type PrincipalId, isDeputizeError } from "@deputize/core";
import { type VerifiedToken, assertVerified, tokenKey } from "@deputize/client";
import type { AuditLog } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import type { Grants } from "../grants/grants.ts";
import type { Issue, SignedToken } from "../tokens/issue.ts";

/** Asks, inside `tx`, whether `subject` permits every one of `agents` to act for them now. It should share-lock what it read. */
export type PermissionCheck = (
  tx: Queryable,
  ask: { readonly tenant: string; readonly subject: PrincipalId; readonly agents: readonly PrincipalId[] },
) => Promise<boolean>;

export interface ExchangeRequest {
  /** Who exchanges, already authenticated as itself. */
  readonly exchanger: PrincipalId;
  /** Who will act; the exchanger unless told. Another one must have proved itself too. */
  readonly actor?: PrincipalId;
  readonly audiences: readonly string[];
  /** Absent: all that the subject token allows. */
  readonly scopes?: readonly string[];
  readonly lifetimeSeconds?: number;
  readonly task?: string;
  readonly orchestration?: string;
}

export interface Exchange {
  /** Exchanges a verified token. Throws `forbidden`, `invalid_target`, `scope_exceeded`, `grant_revoked`, `depth_exceeded`. */
  token(subject: VerifiedToken, request: ExchangeRequest): Promise<SignedToken>;
  /**
   * The same for a caller of this process: one that a verifier made, or one whose first-party session the
   * authority just read. The same checks run on the caller's grant.
   */
  caller(caller: Caller, request: ExchangeRequest): Promise<SignedToken>;
}

interface Presented {
  readonly caller: Caller;
  readonly tokenAudiences?: readonly string[];
  readonly token?: { readonly key: string; readonly epochs: Readonly<Record<string, number>> };
}

export function createExchange(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly grants: Grants;
  readonly issue: Issue;
  readonly audit: Pick<AuditLog, "append">;
  readonly permissionCheck: PermissionCheck;
  readonly defaultLifetimeSeconds: number;
  /** The agents that answer at audiences. */
  readonly agentAt: (audience: string) => PrincipalId | undefined;
  /** True for a caller that the authority's own sessions made. */
  readonly isSessionCaller?: (caller: Caller) => boolean;
}): Exchange {
  const { store, grants, issue } = options;

  async function checkPermissions(tx: Queryable, caller: Caller, request: ExchangeRequest): Promise<void> {
    // An agent that acts for itself needs nobody's permission; its scopes are its own.
    if (caller.subjectKind !== "user") return;
    const targets = request.audiences.map(options.agentAt).filter((id) => id !== undefined);
    const agents = [...new Set([request.actor ?? request.exchanger, ...targets])];
    if (!(await options.permissionCheck(tx, { tenant: caller.tenant, subject: caller.subject, agents }))) {
      throw new DeputizeError("forbidden", "the person has not permitted this agent");
    }
  }

  async function run({ caller, ...presented }: Presented, request: ExchangeRequest): Promise<SignedToken> {
    const grant = caller.grants.at(-1);
    if (!grant) throw new DeputizeError("grant_revoked", "there is no grant to exchange");
    const actor = request.actor ?? request.exchanger;
    const lifetimeSeconds = request.lifetimeSeconds ?? options.defaultLifetimeSeconds;
    try {
      const child = await store.transaction("authority", async (tx) => {
        await checkPermissions(tx, caller, request);
        return grants.attenuate(
          tx,
          { tenant: caller.tenant, id: grant },
          {
            kind: "exchange",
            actor,
            clientId: actor,
            audiences: request.audiences,
            ...(request.scopes && { scopes: request.scopes }),
            beyond: "cut",
            ttlSeconds: lifetimeSeconds,
            toSelf: true,
            ...(request.task !== undefined && { task: request.task }),
            ...(request.orchestration !== undefined && { orchestration: request.orchestration }),
            exchange: { exchanger: request.exchanger, ...presented },
          },
        );
      });
      return await issue(child, "oauth", { lifetimeSeconds });
    } catch (error) {
      if (isDeputizeError(error)) {
        // In a transaction of its own: the one above was rolled back (SR-18).
        await options.audit.append({
          action: "token.exchange",
          outcome: error.status >= 500 ? "failed" : "refused",
          reason: error.code,
          tenant: caller.tenant,
          subject: caller.subject,
          actors: [request.exchanger, ...caller.actors].slice(0, 16),
          grant,
          grants: caller.grants,
          detail: { actor, audiences: request.audiences, scopes: request.scopes ?? null },
        });
      }
      throw error;
    }
  }

  return {
    token: ({ caller, claims, audience }, request) =>
      run(
        {
          caller,
          tokenAudiences: audience,
          token: { key: tokenKey(claims.iss, claims.jti), epochs: claims.epochs },
        },
        request,
      ),
    async caller(caller, request) {
      if (options.isSessionCaller?.(caller) !== true) assertVerified(caller);
      return run(
        {
          caller,
          ...(caller.token && { tokenAudiences: caller.token.audience }),
        },
        request,
      );
    },
  };
}
