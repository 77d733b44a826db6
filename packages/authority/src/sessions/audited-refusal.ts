/** A decision that was refused to a known caller leaves an entry of its own, within a budget [SR-19]: the transaction was rolled back [SR-18]. */
import { type Caller, isDeputizeError } from "@deputize/core";
import { auditEvent } from "@deputize/audit";
import type { AuthorityContext } from "../ports.ts";

/** Runs `work`; logs its refusal under `action` and throws it again. */
export async function auditedRefusal<T>(
  refusals: AuthorityContext["refusals"],
  caller: Caller,
  action: string,
  resource: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDeputizeError(error)) {
      const outcome = error.status >= 500 ? "failed" : "refused";
      await refusals.refused(auditEvent(caller, { action, outcome, reason: error.code, resource }));
    }
    throw error;
  }
}
