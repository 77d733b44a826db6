/**
 * What becomes of refusals at the protocol's door.
 *
 * Guarantees: each leaves a trace with its reason and where it came from; the first of a minute as entries of their own,
 * under the protocol's event types, the rest counted (SR-19). So neither strangers nor callers with a token fill the log, and
 * none hides another's. A refusal stays a refusal while the log is away.
 * Does not: limit rates (rate-limits.ts).
 */
import { type AuditEvent, type RefusalCounter } from "@deputize/audit";
import { type DeputizeErrorCode, currentContext } from "@deputize/core";
import type { BrokerCaller } from "../../broker/broker.ts";

export type RefusalType =
  "admin_auth_failed" | "app_auth_failed" | "token_auth_failed" | "scope_violation" | "rate_limited";

export interface RefusalLog {
  /** Waits for the entry, when there is to be one. Never throws. */
  refused(refusal: {
    readonly type: RefusalType;
    readonly reason: DeputizeErrorCode;
    /** Address that the request came from. */
    readonly source: string;
    readonly caller?: BrokerCaller;
    readonly detail?: Readonly<Record<string, unknown>>;
  }): Promise<void>;
}

/** Who acted, as entries name it. */
export function actorOf(
  caller: BrokerCaller,
): Pick<AuditEvent, "tenant" | "subject" | "actors" | "grant" | "grants" | "agent" | "app" | "task"> {
  const grant = caller.grants.at(-1);
  return {
    tenant: caller.tenant,
    subject: caller.app ?? caller.principal,
    actors: [caller.principal],
    agent: caller.sub,
    ...(caller.app !== undefined && { app: caller.app }),
    ...(grant !== undefined && { grant, grants: caller.grants }),
    ...(caller.taskId !== "" && { task: caller.taskId }),
  };
}

export function createRefusalLog(options: {
  readonly refusals: Pick<RefusalCounter, "count" | "refused">;
  readonly tenant: string;
}): RefusalLog {
  const { refusals, tenant } = options;
  return {
    async refused({ type, reason, source, caller, detail }) {
      const requestId = currentContext()?.requestId;
      try {
        await refusals.refused(
          {
            action: type,
            outcome: "refused",
            reason,
            tenant,
            ...(caller && actorOf(caller)),
            ...(requestId !== undefined && { requestId }),
            detail: { source, ...detail },
          },
          source,
        );
      } catch {
        // The counter keeps what it counted until the log is back.
        refusals.count(type, source);
      }
    },
  };
}
