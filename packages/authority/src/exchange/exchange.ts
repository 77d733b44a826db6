/**
 * Token exchange (RFC 8693): the next hop of delegation.
 *
 * Guarantees: the exchanger is the token's audience or its current actor; a token for a leaf tool is never
 * exchanged; an (actor → audience) edge exists; the person's permission for the actor, and for the agent that
 * answers at the new audience, is asked now, in the transaction that makes the child (SR-10). The child's
 * scopes are requested ∩ parent ∩ ceilings. Every refusal is in the log.
 * Does not: authenticate the exchanger (http/client-authentication.ts does, before).
 */
import {
  type Caller,
  type Clock,
  type Constraint,
  DeputizeError,
  type PrincipalId,
  isDeputizeError,
  newId,
  withConstraints,
} from "@deputize/core";
import { type VerifiedToken, assertVerified, tokenKey } from "@deputize/client";
import { type AuditLog, type RefusalCounter, prepareEntry } from "@deputize/audit";
import type { Store } from "@deputize/store";
import { createBatch } from "../batch.ts";
import { type Grant, grantFromView } from "../grants/grant.ts";
import { assertNamesKept, checkRequest } from "../grants/grants.ts";
import { refusal } from "../refusals.ts";
import { secondsUntil } from "../seconds-until.ts";
import type { Statistics } from "../statistics.ts";
import type { Issue, SignedToken } from "../tokens/issue.ts";

export interface ExchangeRequest {
  /** Who exchanges, already authenticated as itself. */
  readonly exchanger: PrincipalId;
  /** Who will act; the exchanger unless told. Another one must have proved itself too. */
  readonly actor?: PrincipalId;
  readonly audiences: readonly string[];
  /** Absent: all that the subject token allows. */
  readonly scopes?: readonly string[];
  readonly lifetimeSeconds?: number;
  /** When the token has ended at the latest, epoch milliseconds: with the exchanger's credential. */
  readonly notAfter?: number;
  readonly task?: string;
  readonly orchestration?: string;
  /** Beside those of the subject token's grant, which stay. */
  readonly constraints?: Readonly<Record<string, Constraint>>;
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

/** What `authority.exchange` answers for one item. */
interface Answer {
  readonly refused?: string;
  readonly view?: Grant;
}

export function createExchange(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly issue: Issue;
  readonly statistics: Statistics;
  readonly audit: Pick<AuditLog, "announce">;
  readonly refusals: Pick<RefusalCounter, "refused">;
  readonly defaultLifetimeSeconds: number;
  /** The agents that answer at audiences. */
  readonly agentAt: (audience: string) => PrincipalId | undefined;
  /** True for a caller that the authority's own sessions made. */
  readonly isSessionCaller?: (caller: Caller) => boolean;
}): Exchange {
  const { store, clock, issue } = options;

  // Those of one tenant that come in together share a statement and a commit.
  const batches = new Map<string, (item: string) => Promise<Answer>>();
  function attenuate(tenant: string, item: string): Promise<Answer> {
    const known = batches.get(tenant);
    if (known) return known(item);
    const batch = createBatch<Answer>({
      run: async (items) => {
        options.audit.announce();
        const { rows } = await store
          .pool("authority")
          .query<{ answers: Answer[] }>("SELECT authority.exchange($1, $2) AS answers", [
            tenant,
            `[${items.join(",")}]`,
          ]);
        const answers = rows[0]?.answers;
        if (answers?.length !== items.length)
          throw new DeputizeError("internal", "the database answered too few items");
        options.statistics.wrote(items.length);
        return answers;
      },
    });
    batches.set(tenant, batch);
    return batch(item);
  }

  async function run({ caller, ...presented }: Presented, request: ExchangeRequest): Promise<SignedToken> {
    const grant = caller.grants.at(-1);
    if (!grant) throw new DeputizeError("grant_revoked", "there is no grant to exchange");
    const { exchanger, audiences, scopes, actor = exchanger } = request;
    const ttlSeconds = secondsUntil(
      clock,
      request.notAfter ?? Infinity,
      request.lifetimeSeconds ?? options.defaultLifetimeSeconds,
    );
    try {
      checkRequest({ audiences, ttlSeconds, ...(scopes && { scopes }) });
      if (request.constraints) withConstraints(caller.constraints, request.constraints);
      const targets = audiences.map(options.agentAt).filter((id) => id !== undefined);
      const { token, tokenAudiences } = presented;
      const item = {
        subject: caller.subject,
        // Whom the person must have permitted: who will act, and who answers at the new audience.
        agents: [...new Set([actor, ...targets])],
        principals: [...new Set([caller.subject, ...caller.actors, actor, exchanger])],
        path: caller.grants,
        attenuate: {
          kind: "exchange",
          id: newId(clock),
          parent: grant,
          actor,
          clientId: actor,
          audiences,
          ...(scopes && { scopes }),
          exact: false,
          edges: true,
          toSelf: true,
          ttlSeconds,
          now: new Date(clock.nowMs()).toISOString(),
          ...(request.task !== undefined && { task: request.task }),
          ...(request.orchestration !== undefined && { orchestration: request.orchestration }),
          ...(request.constraints && { constraints: request.constraints }),
          exchanger,
          ...(tokenAudiences && { tokenAudiences }),
          ...(token && { viaToken: token.key, epochs: token.epochs }),
        },
      };
      // Who, for whom and what came of it is filled in from the grant that is made.
      const entry = prepareEntry(
        { action: "token.exchanged", outcome: "allowed", tenant: caller.tenant },
        clock,
      ).json;
      const answer = await attenuate(caller.tenant, `${JSON.stringify(item).slice(0, -1)},"entry":${entry}}`);
      if (answer.refused === "permission") {
        throw new DeputizeError("forbidden", "the person has not permitted this agent");
      }
      if (!answer.view) throw refusal(answer.refused ?? "");
      assertNamesKept(request.constraints, answer.view.constraints);
      return await issue(grantFromView(answer.view, clock), "oauth", { lifetimeSeconds: ttlSeconds });
    } catch (error) {
      if (isDeputizeError(error)) {
        // In a transaction of its own: the one above was rolled back (SR-18).
        await options.refusals.refused({
          action: "token.exchange",
          outcome: error.status >= 500 ? "failed" : "refused",
          reason: error.code,
          tenant: caller.tenant,
          subject: caller.subject,
          actors: [exchanger, ...caller.actors].slice(0, 16),
          grant,
          grants: caller.grants,
          detail: { actor, audiences, scopes: scopes ?? null },
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
