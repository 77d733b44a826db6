import { useCallback } from "react";
import type { AgentServerClient } from "../server/client.ts";
import type { Approval } from "../server/run-events.ts";
import { type Loaded, useLoaded } from "./use-loaded.ts";

export interface UseApprovals extends Loaded<readonly Approval[]> {
  readonly approvals: readonly Approval[];
  /** The person's word; only they can give it. */
  readonly decide: (approvalId: string, decision: "approve" | "refuse") => Promise<void>;
}

const EVERY_MS = 5_000;

/** What waits for the person, looked at every five seconds unless told. */
export function useApprovals(
  client: AgentServerClient,
  { everyMs = EVERY_MS }: { readonly everyMs?: number } = {},
): UseApprovals {
  const loaded = useLoaded(
    "approvals",
    async (signal) => (await client.approvals({ signal })).data.approvals,
    { everyMs },
  );
  const { refresh } = loaded;
  const decide = useCallback<UseApprovals["decide"]>(
    async (approvalId, decision) => {
      try {
        await client.decideApproval(approvalId, decision);
      } finally {
        refresh();
      }
    },
    [client, refresh],
  );
  return { ...loaded, approvals: loaded.data ?? [], decide };
}
