/**
 * Cases at a tool server: rows of somebody else are answered only with their case in the entry of the call (SR-04).
 *
 * Guarantees: without an open case behind it a foreign row is refused, whatever the database said.
 * Does not: open cases. A person does, at the authority.
 */
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import type { CaseUse } from "./context.ts";

/** The authority's side of cases. `authority.cases` fits. */
export interface CaseDirectory {
  openFor(
    caller: Caller,
    subject: PrincipalId,
  ): Promise<readonly { readonly id: string; readonly purpose: string }[]>;
}

/** The open case under which the caller reads rows of `owner`; undefined for their own. Throws `not_found`. */
export async function caseFor(
  cases: CaseDirectory,
  caller: Caller,
  owner: PrincipalId,
): Promise<CaseUse | undefined> {
  if (owner === caller.subject) return undefined;
  const [open] = await cases.openFor(caller, owner);
  if (!open) throw new DeputizeError("not_found", "there is no such thing, or it is not yours");
  return { id: open.id, purpose: open.purpose, about: owner };
}
