/**
 * What becomes of refusals at the protocol's door.
 *
 * Guarantees: each leaves a trace with its reason and where it came from; the first of a minute as entries of their own,
 * under the protocol's event types, the rest counted (SR-19). So strangers cannot fill the log. A refusal stays a refusal
 * while the log is away.
 * Does not: limit rates (rate-limits.ts), nor bound what rooms write of a caller that they know: each of those is an entry.
 */
import { type AuditEvent, type AuditLog, type RefusalCounter } from "@deputize/audit";
import { type Clock, type DeputizeErrorCode, currentContext } from "@deputize/core";
import type { BrokerCaller } from "../../broker/broker.ts";

export type RefusalType =
  | "admin_auth_failed"
  | "app_auth_failed"
  | "token_auth_failed"
  | "registration_policy_violation"
  | "scope_violation"
  | "rate_limited";

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

/** Entries of one type a minute and process; what is beyond is counted. */
const ENTRIES_PER_MINUTE = 30;
const MINUTE_MS = 60_000;

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
  readonly audit: Pick<AuditLog, "append">;
  readonly refusals: Pick<RefusalCounter, "count">;
  readonly clock: Clock;
  readonly tenant: string;
}): RefusalLog {
  const { audit, refusals, clock, tenant } = options;
  const written = new Map<RefusalType, number>();
  let minute = 0;

  function within(type: RefusalType): boolean {
    const now = Math.floor(clock.nowMs() / MINUTE_MS);
    if (now !== minute) {
      minute = now;
      written.clear();
    }
    const count = (written.get(type) ?? 0) + 1;
    written.set(type, count);
    return count <= ENTRIES_PER_MINUTE;
  }

  return {
    async refused({ type, reason, source, caller, detail }) {
      if (!within(type)) {
        refusals.count(type, source);
        return;
      }
      const requestId = currentContext()?.requestId;
      try {
        await audit.append({
          action: type,
          outcome: "refused",
          reason,
          tenant,
          ...(caller && actorOf(caller)),
          ...(requestId !== undefined && { requestId }),
          detail: { source, ...detail },
        });
      } catch {
        // The counter keeps what it counted until the log is back.
        refusals.count(type, source);
      }
    },
  };
}
