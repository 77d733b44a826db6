/**
 * Reading somebody else's rows under a case leaves an entry that says who looked at whose data, and why (SR-04).
 *
 * Guarantees: called before the rows are answered; when the entry cannot be written the rows are not shown; without an
 * open case behind it a foreign row is refused, whatever the database said.
 */
import { type AuditLog, auditEvent } from "@deputize/audit";
import { type Caller, type PrincipalId, currentContext } from "@deputize/core";
import { type CaseDirectory, caseFor } from "@deputize/mcp";

export interface CaseLog {
  readonly cases: CaseDirectory;
  readonly audit: Pick<AuditLog, "append">;
}

/** For routes, which write no entry of their own: logs that the caller read `resource` of `owner`; nothing when the owner is the caller. Throws `not_found`. */
export async function logCaseRead(
  { cases, audit }: CaseLog,
  caller: Caller,
  owner: PrincipalId,
  resource: string,
): Promise<void> {
  const open = await caseFor(cases, caller, owner);
  if (!open) return;
  const requestId = currentContext()?.requestId;
  await audit.append(
    auditEvent(caller, {
      action: "case.read",
      outcome: "allowed",
      resource,
      about: [owner],
      case: { id: open.id, purpose: open.purpose },
      ...(requestId !== undefined && { requestId }),
    }),
  );
}
