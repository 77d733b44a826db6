/**
 * Mandates: a person lets one agent do exact things while they are away, until a day, or until they say stop [SR-14].
 *
 * Guarantees: made and stopped only by a person at a first-party session, with a recent sign-in; no agent, app or exchanged
 * token can. A mandate is a root grant of its own: it holds no more than the person and the agent do, names the only tools,
 * and stands beside the session it was made in, so that signing out leaves it. Stop, its end, the person's deactivation or
 * change of role, the agent's suspension and a permission that is taken back end it, with all that was made of it. A token
 * under it is for its agent, which proved itself with its own credential, and for nobody else; each is in the log.
 * Does not: do the work, or let anybody renew a mandate. What the agent hands on to another agent goes along the edges of
 * the installation, and keeps to the same tools, scopes and limits.
 */
import {
  type Caller,
  type Constraint,
  DeputizeError,
  type GrantId,
  isDeputizeError,
  isUuid,
  type PrincipalId,
  scopeIsSubset,
} from "@deputize/core";
import { auditEvent } from "@deputize/audit";
import type { Queryable, Tx } from "@deputize/store";
import type { HoldingsOfClient } from "../exchange/client-credentials.ts";
import type { AuthenticatedClient } from "../http/client-authentication.ts";
import type { Permissions } from "../permissions/permissions.ts";
import type { AuthorityContext } from "../ports.ts";
import { secondsUntil } from "../seconds-until.ts";
import { auditedRefusal } from "../sessions/audited-refusal.ts";
import { requireFirstParty } from "../sessions/first-party.ts";
import { findSession, scopesOf } from "../sessions/session-rows.ts";
import type { SignedToken } from "../tokens/issue.ts";
import {
  MANDATE_COLUMNS,
  MANDATE_TABLES,
  type MandateRequest,
  type MandateRow,
  type MandateView,
  TOOLS,
  mandateView,
} from "./mandate.ts";

export const MANDATE_MAX_DAYS = 90;
const SHORTEST_MS = 60_000;
/** Living mandates of one person: enough for work, few enough to be read. */
const LIVING_MAX = 50;
const LIST_MAX = 200;

export interface Mandates {
  /**
   * Throws `first_party_session_required`, `forbidden` (the person has not permitted the agent), `insufficient_scope`,
   * `scope_exceeded`, `invalid_target`, `invalid_request`, `limit_exceeded`.
   */
  make(caller: Caller, request: MandateRequest): Promise<MandateView>;
  /** The caller's own, newest first, those that ended as well. */
  list(caller: Caller): Promise<MandateView[]>;
  /** Throws `not_found`. */
  get(caller: Caller, id: string): Promise<MandateView>;
  /** Ends it and all that was made of it. Stopping what ended is no error. Throws `first_party_session_required`, `not_found`. */
  stop(caller: Caller, id: string): Promise<MandateView>;
  /**
   * A token under a mandate, for the agent that `client` proved to be; the first of the mandate's audiences unless told.
   * Throws `not_found` for another agent's mandate as for none, `grant_revoked` when it has ended, `invalid_target`,
   * `forbidden` while the person's permission does not stand, `scope_exceeded`, `invalid_client`.
   */
  token(
    client: AuthenticatedClient,
    request: {
      readonly mandateId: string;
      readonly audiences?: readonly string[];
      readonly scopes?: readonly string[];
    },
  ): Promise<SignedToken>;
}

export interface MandatesOptions {
  readonly permissions: Pick<Permissions, "check">;
  readonly holdingsOfClient: HoldingsOfClient;
  /** Of tokens under a mandate, seconds. */
  readonly lifetimeSeconds: number;
}

const notFound = (): DeputizeError => new DeputizeError("not_found", "no such mandate");

export function createMandates(context: AuthorityContext, options: MandatesOptions): Mandates {
  const { store, clock, audit, grants, issue, policy } = context;
  const { permissions } = options;

  async function find(query: Queryable, caller: Caller, id: string): Promise<MandateView> {
    if (!isUuid(id)) throw notFound();
    const { rows } = await query.query<MandateRow>(
      `SELECT ${MANDATE_COLUMNS} FROM ${MANDATE_TABLES} WHERE m.tenant = $1 AND m.person = $2 AND m.id = $3`,
      [caller.tenant, caller.subject, id],
    );
    if (!rows[0]) throw notFound();
    return mandateView(rows[0], clock.nowMs());
  }

  /** Held until the commit: the person permits the agent, and whoever answers at the audiences. Throws `forbidden`, `invalid_target`. */
  async function holdPermissions(
    tx: Tx,
    of: { readonly tenant: string; readonly person: PrincipalId; readonly agent: PrincipalId },
    audiences: readonly string[],
  ): Promise<void> {
    const { rows } = await tx.query<{ audience: string; kind: string; principal: PrincipalId }>(
      `SELECT a.audience, a.kind, a.principal FROM authority.audiences a
       JOIN authority.edges e ON e.tenant = a.tenant AND e.audience = a.audience AND e.actor = $2
       WHERE a.tenant = $1 AND a.audience = ANY ($3::text[]) AND a.kind <> 'api'`,
      [of.tenant, of.agent, audiences],
    );
    const agents = rows.filter(({ kind }) => kind === "agent").map(({ principal }) => principal);
    for (const agent of [...new Set([of.agent, ...agents])].toSorted()) {
      if (await permissions.check(tx, { tenant: of.tenant, person: of.person, agent })) continue;
      throw new DeputizeError("forbidden", "the person has not permitted this agent");
    }
    if (new Set(audiences).size !== rows.length) {
      throw new DeputizeError("invalid_target", "the agent has no edge to one of these audiences");
    }
  }

  function checkExpiry(expiresAt: number): number {
    const left = expiresAt - clock.nowMs();
    if (!(left >= SHORTEST_MS && left <= MANDATE_MAX_DAYS * 86_400_000)) {
      throw new DeputizeError(
        "invalid_request",
        `a mandate ends between a minute and ${MANDATE_MAX_DAYS} days from now`,
      );
    }
    return Math.floor(left / 1000);
  }

  function limits(request: MandateRequest): Readonly<Record<string, Constraint>> {
    if (Object.hasOwn(request.constraints ?? {}, TOOLS)) {
      throw new DeputizeError("invalid_request", `a constraint of a mandate is not named \`${TOOLS}\``);
    }
    return { ...request.constraints, [TOOLS]: { onlyTools: [...new Set(request.tools)] } };
  }

  async function make(tx: Tx, caller: Caller, request: MandateRequest): Promise<MandateView> {
    const { tenant, subject: person } = caller;
    const session = await requireFirstParty(tx, caller, clock);
    const ttlSeconds = checkExpiry(request.expiresAt);
    const constraints = limits(request);
    const agent = request.agent as PrincipalId;
    const audiences = [...new Set(request.audiences)];
    // Sessions, permissions, principals, people, grants: the order in which everybody locks them.
    await holdPermissions(tx, { tenant, person, agent }, audiences);
    await tx.query(
      "SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR SHARE",
      [tenant, [person, agent]],
    );
    // One person's mandates are made one after another, so that the bound holds.
    await tx.query(
      "SELECT 1 FROM authority.people WHERE tenant = $1 AND principal_id = $2 FOR NO KEY UPDATE",
      [tenant, person],
    );
    // Read after the locks, so that a role that changes right now is no longer what the mandate is measured by.
    const present = await findSession(tx, "id", session.id, clock.nowMs());
    if (!present || !scopeIsSubset(request.scopes, scopesOf(policy, present.person.role, present.agents))) {
      throw new DeputizeError("insufficient_scope", "a mandate holds no more than you may do yourself");
    }
    const living = await tx.query(
      `SELECT 1 FROM ${MANDATE_TABLES} WHERE m.tenant = $1 AND m.person = $2 AND g.state = 'active' AND g.expires_at > $3`,
      [tenant, person, new Date(clock.nowMs())],
    );
    if (living.rows.length >= LIVING_MAX) {
      throw new DeputizeError("limit_exceeded", `stop a mandate first; ${LIVING_MAX} may stand at once`);
    }
    const grant = await grants.createRoot(tx, {
      kind: "mandate",
      tenant,
      subject: person,
      actor: agent,
      clientId: agent,
      scopes: [...new Set(request.scopes)],
      audiences,
      ttlSeconds,
      constraints,
    });
    await tx.query(
      "INSERT INTO authority.mandates (tenant, id, person, agent, purpose) VALUES ($1, $2, $3, $4, $5)",
      [tenant, grant.id, person, agent, request.purpose],
    );
    await audit.record(
      tx,
      auditEvent(caller, {
        action: "mandate.made",
        outcome: "allowed",
        resource: `mandate:${grant.id}`,
        about: [agent],
        detail: {
          session: session.id,
          tools: constraints[TOOLS],
          expires: new Date(grant.expiresAt).toISOString(),
        },
      }),
    );
    return find(tx, caller, grant.id);
  }

  /** Who may use the mandate, and for whom. */
  async function ofAgent(tx: Tx, client: AuthenticatedClient, id: string) {
    const { rows } = await tx.query<{ person: PrincipalId; audiences: string[] }>(
      `SELECT m.person, g.audiences FROM ${MANDATE_TABLES} WHERE m.tenant = $1 AND m.agent = $2 AND m.id = $3`,
      [client.tenant, client.principal, isUuid(id) ? id : null],
    );
    if (!rows[0]) throw notFound();
    return rows[0];
  }

  return {
    make: (caller, request) =>
      auditedRefusal(context.refusals, caller, "mandate.make", "mandates", () =>
        store.transaction("authority", (tx) => make(tx, caller, request)),
      ),

    async list(caller) {
      const { rows } = await store.pool("authority").query<MandateRow>(
        `SELECT ${MANDATE_COLUMNS} FROM ${MANDATE_TABLES} WHERE m.tenant = $1 AND m.person = $2
         ORDER BY g.issued_at DESC, m.id DESC LIMIT ${LIST_MAX}`,
        [caller.tenant, caller.subject],
      );
      return rows.map((row) => mandateView(row, clock.nowMs()));
    },

    get: (caller, id) => find(store.pool("authority"), caller, id),

    stop: (caller, id) =>
      auditedRefusal(context.refusals, caller, "mandate.stop", "mandates", () =>
        store.transaction("authority", async (tx) => {
          const session = await requireFirstParty(tx, caller, clock);
          const { agent } = await find(tx, caller, id);
          const ref = { tenant: caller.tenant, id: id as GrantId };
          const ended = await grants.revoke(tx, ref, "stopped", caller.subject);
          if (ended.length > 0) {
            await audit.record(
              tx,
              auditEvent(caller, {
                action: "mandate.stopped",
                outcome: "allowed",
                resource: `mandate:${id}`,
                about: [agent.id as PrincipalId],
                detail: { session: session.id, ended: ended.length },
              }),
            );
          }
          return find(tx, caller, id);
        }),
      ),

    async token(client, { mandateId, audiences: asked, scopes }) {
      const { tenant, principal: agent } = client;
      const resource = `mandate:${isUuid(mandateId) ? mandateId : "malformed"}`;
      try {
        const grant = await store.transaction("authority", async (tx) => {
          const { person, audiences: held } = await ofAgent(tx, client, mandateId);
          const audiences = asked ?? held.slice(0, 1);
          if (!audiences.every((audience) => held.includes(audience))) {
            throw new DeputizeError("invalid_target", "the mandate is not for that audience");
          }
          await holdPermissions(tx, { tenant, person, agent }, audiences);
          const { endsAt } = await options.holdingsOfClient(tx, client);
          const made = await grants.attenuate(
            tx,
            { tenant, id: mandateId as GrantId },
            {
              kind: "exchange",
              actor: agent,
              clientId: agent,
              audiences,
              ...(scopes && { scopes }),
              beyond: "cut",
              toSelf: true,
              ttlSeconds: secondsUntil(clock, endsAt, options.lifetimeSeconds),
            },
          );
          await audit.record(tx, {
            action: "mandate.used",
            outcome: "allowed",
            tenant,
            subject: made.subject,
            actors: made.actors,
            grant: made.id,
            grants: made.path,
            resource,
            detail: { audiences },
          });
          return made;
        });
        return await issue(grant, "oauth", { lifetimeSeconds: options.lifetimeSeconds });
      } catch (error) {
        if (isDeputizeError(error)) {
          await context.refusals.refused({
            action: "mandate.used",
            outcome: error.status >= 500 ? "failed" : "refused",
            reason: error.code,
            tenant,
            subject: agent,
            resource,
          });
        }
        throw error;
      }
    },
  };
}
