/** For what a person does about all that is kept of them: only at a session of their own, just after proving who they are. */
import type { Caller } from "@deputize/core";
import type { AuthorityContext } from "../ports.ts";
import { auditedRefusal } from "./audited-refusal.ts";
import { requireFirstParty } from "./first-party.ts";

/** How long ago the person may have proved who they are. */
const FRESH_SIGN_IN_SECONDS = 15 * 60;

/**
 * Throws `first_party_session_required` for whoever is not a person at a session of their own that began, or was proved anew,
 * in the last 15 minutes; the refusal is logged under `action`.
 */
export type RequireFreshSession = (caller: Caller, action: string) => Promise<void>;

export function createRequireFreshSession(
  context: Pick<AuthorityContext, "store" | "clock" | "refusals">,
): RequireFreshSession {
  const { store, clock, refusals } = context;
  return (caller, action) =>
    auditedRefusal(refusals, caller, action, "person", () =>
      store.transaction("authority", async (tx) => {
        await requireFirstParty(tx, caller, clock, FRESH_SIGN_IN_SECONDS);
      }),
    );
}
