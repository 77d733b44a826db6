/**
 * Entries of the broker's rooms: who, as what, from where, for which app, task and grant, and the request's id. Action names are the
 * protocol's event types.
 */
import { currentContext } from "@deputize/core";
import type { AuditEvent, Outcome } from "@deputize/audit";
import type { BrokerCaller } from "./broker.ts";
import { actorsOf, subjectOf } from "./broker-claims.ts";

export interface EventRest {
  readonly action: string;
  readonly outcome?: Outcome;
  /** A code. */
  readonly reason?: string;
  readonly resource?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** An event of nobody in particular yet: SQL or the caller of this fills in who. */
export function bareEvent(tenant: string, rest: EventRest): AuditEvent {
  const { requestId, source } = currentContext() ?? {};
  return {
    tenant,
    outcome: "allowed",
    ...(requestId !== undefined && { requestId }),
    ...rest,
    ...(source !== undefined && { detail: { source, ...rest.detail } }),
  };
}

/** An event that `by` caused. */
export function callerEvent(by: BrokerCaller, rest: EventRest): AuditEvent {
  const grant = by.grants.at(-1);
  return {
    ...bareEvent(by.tenant, { ...rest, detail: { jti: by.jti, ...rest.detail } }),
    subject: subjectOf(by),
    actors: actorsOf(by),
    agent: by.sub,
    ...(by.app && { app: by.app }),
    ...(grant && { grant, grants: by.grants }),
    ...(by.taskId && { task: by.taskId }),
    ...(by.orchId && { orchestration: by.orchId }),
  };
}
