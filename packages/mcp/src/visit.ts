/**
 * One request on its way: who, what, and the single audit entry that closes it.
 *
 * Guarantees: a visit is closed once; the entry says who asked, who acted and under which ids, so that each refusal
 * can be read later. Does not: hold arguments that were not validated.
 */
import { type AuditEvent, auditEvent } from "@deputize/audit";
import { type Caller, type Clock, DeputizeError, isDeputizeError } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { ApprovalGate } from "./approval.ts";
import type { AuditSink } from "./audit-sink.ts";
import type { ClientContext } from "./client-context.ts";
import type { Definition } from "./definition.ts";
import type { Operation } from "./inbound.ts";
import type { Background } from "./background.ts";
import type { ErrorMap } from "./error-map.ts";
import type { ResultCache } from "./middleware/cache.ts";
import type { SecretSources } from "./secrets/call-secrets.ts";
import type { SessionStore } from "./session-state.ts";
import type { Middleware } from "./middleware/middleware.ts";

/** What a server lends to its calls. */
export interface CallServices {
  readonly server: string;
  readonly store: Store | undefined;
  readonly audit: AuditSink;
  readonly approvals: ApprovalGate | undefined;
  /** Where a person decides about an approval. */
  readonly approvalUrl: ((approvalId: string) => string) | undefined;
  /** What is done where private data, untrusted content and readers beyond the caller meet; `ask` unless told. */
  readonly runGate: "ask" | "deny" | undefined;
  readonly clock: Clock;
  readonly middleware: () => readonly Middleware[];
  readonly secrets: SecretSources;
  readonly sessions: SessionStore;
  readonly sessionTtlMs: number | undefined;
  readonly maxResultBytes: number;
  readonly results: ResultCache;
  readonly background: Background;
  /** Headers that say who somebody is, in lower case; nothing behind authentication reads them. */
  readonly credentialHeaders: ReadonlySet<string>;
  readonly errors: ErrorMap;
  /** A digest that only holders of the server's key can make, as hex. */
  readonly mac: (purpose: string, text: string) => string;
}

/** One admitted request: who, what, and what became of it. */
export interface Visit {
  readonly caller: Caller;
  readonly client: ClientContext;
  readonly requestId: string;
  readonly headers: Headers;
  readonly clientRequestId: string | undefined;
  readonly session: string;
  readonly operation: Operation;
  /** Set when the caller may see the target. */
  readonly definition: Definition | undefined;
  /** Why not, for the log. */
  readonly denial: { readonly guard: string; readonly text: string } | undefined;
  /** The entry that closes this visit; there is at most one. */
  closed: { entryId: string | undefined } | undefined;
}

const ACTIONS = {
  tool: "tool.call",
  resource: "resource.read",
  prompt: "prompt.get",
  completion: "completion.get",
  protocol: "mcp.request",
} as const;

/** Writes the entry of a request that was refused before it became a call. Throws `audit_unavailable`. */
export async function closeRefused(
  services: CallServices,
  visit: Visit,
  error: DeputizeError,
  detail: Readonly<Record<string, unknown>> = {},
): Promise<string | undefined> {
  if (visit.closed) return visit.closed.entryId;
  visit.closed = { entryId: undefined };
  const event = eventOf(services, visit, {
    outcome: error.status < 500 ? "refused" : "failed",
    reason: error.code,
    detail: { ...(visit.denial && { guard: visit.denial.guard, denial: visit.denial.text }), ...detail },
  });
  visit.closed = { entryId: await appendEntry(services.audit, event) };
  return visit.closed.entryId;
}

/** An event of this visit, with who and under which ids filled in. */
export function eventOf(
  services: CallServices,
  visit: Visit,
  rest: Omit<
    AuditEvent,
    "tenant" | "subject" | "actors" | "grant" | "grants" | "action" | "resource" | "requestId"
  >,
): AuditEvent {
  const { operation } = visit;
  const name = visit.definition?.name ?? operation.target.slice(0, 128);
  return auditEvent(visit.caller, {
    action: ACTIONS[operation.kind],
    resource: `${services.server}/${name}`,
    requestId: visit.requestId,
    ...rest,
    detail: {
      client_id: visit.caller.clientId,
      session: visit.session,
      ...(visit.clientRequestId && { client_request_id: visit.clientRequestId }),
      ...(operation.notes.callId && { call_id: operation.notes.callId }),
      ...(operation.notes.runId && { run_id: operation.notes.runId }),
      ...(operation.kind === "resource" && { uri: operation.target }),
      ...rest.detail,
    },
  });
}

/** Writes an entry in a transaction of its own. Throws `audit_unavailable`. */
export async function appendEntry(audit: AuditSink, event: AuditEvent): Promise<string> {
  try {
    return await audit.append(event);
  } catch (cause) {
    throw auditUnavailable(cause);
  }
}

/** The refusal that stands for an entry that could not be written. */
export function auditUnavailable(cause: unknown): DeputizeError {
  if (isDeputizeError(cause) && cause.code !== "audit_unavailable") return cause;
  return new DeputizeError("audit_unavailable", "the audit log cannot be written, so nothing was done", {
    cause,
  });
}
