/**
 * What the broker's rooms stand on, and what all of them do: call one SQL function with items and prepared audit entries,
 * map its refusals, sign the grant that it answers.
 */
import { type Clock, DeputizeError, type DeputizeErrorCode, randomHex } from "@deputize/core";
import { type AuditEvent, type AuditLog, type RefusalCounter, prepareEntry } from "@deputize/audit";
import { tokenKey } from "@deputize/client";
import { type Store, sqlState } from "@deputize/store";
import { type Grant, grantFromView } from "../grants/grant.ts";
import type { Keys } from "../keys/keys.ts";
import type { AgentwritOptions, Issue } from "../tokens/issue.ts";
import { createBatch } from "../batch.ts";
import type { BrokerCaller, BrokerToken } from "./broker.ts";
import { type EventRest, callerEvent } from "./broker-events.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import type { BrokerVerifier } from "./broker-verifier.ts";
import type { Statistics } from "../statistics.ts";

export interface BrokerContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly tenant: string;
  readonly issue: Issue;
  readonly keys: Keys;
  readonly audit: Pick<AuditLog, "record" | "append" | "announce">;
  /** Refusals: of somebody known an entry each within a budget, of strangers counted [SR-19]. */
  readonly refusals: Pick<RefusalCounter, "count" | "refused">;
  readonly rootSecret: Uint8Array;
  readonly settings: BrokerSettings;
  readonly verifier: BrokerVerifier;
  readonly statistics: Statistics;
  /** How long the feed remembers what has no expiry of its own. */
  readonly rememberSeconds: number;
}

/** What an SQL function of the broker answers for one item. */
export interface ItemAnswer {
  readonly refused?: string;
  readonly view?: Grant;
  readonly appId?: string;
  readonly app?: string;
  readonly boundTo?: string | null;
}

/** The present second, as epoch seconds and RFC 3339: grants begin on whole seconds, as tokens do. */
export function thisSecond(clock: Clock): { readonly seconds: number; readonly iso: string } {
  const seconds = Math.floor(clock.nowMs() / 1000);
  return { seconds, iso: new Date(seconds * 1000).toISOString() };
}

export function isoAt(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** An item as JSON text, with the entries that its function submits. */
export function itemJson(clock: Clock, item: object, events: readonly AuditEvent[]): string {
  const entries = events.map((event) => prepareEntry(event, clock).json).join(",");
  return `${JSON.stringify(item).slice(0, -1)},"entries":[${entries}]}`;
}

/** Sends items of one function together; `extra` are further arguments, the same for all. */
export function itemBatch(
  context: Pick<BrokerContext, "store" | "audit" | "tenant" | "statistics">,
  name: "broker_launch" | "broker_register" | "broker_renew" | "broker_release" | "broker_delegate",
  extra: readonly string[] = [],
): (item: string) => Promise<ItemAnswer> {
  const holes = extra.map((_, n) => `, $${n + 3}`).join("");
  const statement = `SELECT authority.${name}($1, $2${holes}) AS answers`;
  const send = createBatch<ItemAnswer>({
    run: async (items) => {
      context.audit.announce();
      const { rows } = await context.store
        .pool("authority")
        .query<{ answers: ItemAnswer[] }>(statement, [context.tenant, `[${items.join(",")}]`, ...extra]);
      const answers = rows[0]?.answers;
      if (answers?.length !== items.length)
        throw new DeputizeError("internal", "the database answered too few items");
      context.statistics.wrote(items.length);
      return answers;
    },
  });
  return async (item) => {
    try {
      return await send(item);
    } catch (error) {
      const refused = refusalOf(error);
      if (refused === undefined) throw error;
      return { refused };
    }
  };
}

/** A refusal that came as an error: of `attenuate` or `renew`, or of an index when two chose one `jti` at once. */
function refusalOf(error: unknown): string | undefined {
  const state = sqlState(error);
  if (state === "DPA01" && error instanceof Error) return error.message;
  const constraint = error instanceof Error && "constraint" in error ? error.constraint : undefined;
  return state === "23505" && constraint === "broker_tokens_pkey" ? "jti_used" : undefined;
}

/** Signs the grant that a function has just written, and remembers the token as one that stands. */
export async function signGrant(
  context: BrokerContext,
  answer: ItemAnswer,
  options: AgentwritOptions & { readonly issuedAt: number; readonly jti: string },
): Promise<BrokerToken> {
  if (!answer.view) throw new DeputizeError("internal", "the database answered no grant");
  const grant = grantFromView(answer.view, context.clock);
  const { audience, lifetimes } = context.settings;
  const signed = await context.issue(grant, "agentwrit", {
    lifetimeSeconds: lifetimes.maxSeconds,
    ...(audience !== undefined && { audiences: [audience] }),
    ...options,
  });
  context.verifier.remember(signed.token, signed.claims);
  return { token: signed.token, expiresIn: signed.expiresIn, scopes: grant.scopes, claims: signed.claims };
}

/** How long the grant of a token lives: the protocol's tokens are good through the second of their `exp`. */
export function grantSeconds(tokenSeconds: number): number {
  return tokenSeconds + 1;
}

/** The audiences of the broker's grants. */
export function grantAudiences(settings: BrokerSettings): string[] {
  return [settings.audience ?? settings.issuer];
}

export function newJti(): string {
  return randomHex(16);
}

/** The feed's name of a broker token. */
export function brokerTokenKey(settings: BrokerSettings, jti: string): string {
  return tokenKey(settings.issuer, jti);
}

/** The error of a refusal to somebody we know, after its entry is committed, or counted where the budget is spent. */
export async function refuse(
  context: BrokerContext,
  by: BrokerCaller,
  rest: Omit<EventRest, "outcome" | "reason">,
  code: DeputizeErrorCode,
  message: string,
): Promise<DeputizeError> {
  await context.refusals.refused(callerEvent(by, { ...rest, outcome: "refused", reason: code }));
  return new DeputizeError(code, message);
}

/** Throws `forbidden` unless the caller is of this kind. */
export function requireKind(by: BrokerCaller, kinds: readonly BrokerCaller["kind"][], what: string): void {
  if (!kinds.includes(by.kind)) throw new DeputizeError("forbidden", what);
}
