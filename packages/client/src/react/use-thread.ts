import type { AgentServerClient } from "../server/client.ts";
import type { HistoryItem, ThreadDetails } from "../server/threads.ts";
import { type Loaded, useLoaded } from "./use-loaded.ts";

export interface UseThread extends Loaded<{ thread: ThreadDetails; history: readonly HistoryItem[] }> {
  readonly thread: ThreadDetails | undefined;
  /** Its messages, oldest first, with the steps and approvals of each. */
  readonly history: readonly HistoryItem[];
}

/** One thread with what happened in it; `null` reads nothing. */
export function useThread(client: AgentServerClient, threadId: string | null): UseThread {
  const loaded = useLoaded(threadId, async (signal) => {
    const id = threadId ?? "";
    const [thread, history] = await Promise.all([
      client.threadDetails(id, { signal }),
      client.threadHistory(id, {}, { signal }),
    ]);
    return { thread: thread.data, history: history.data.history };
  });
  return { ...loaded, thread: loaded.data?.thread, history: loaded.data?.history ?? [] };
}
