import { useCallback } from "react";
import type { AgentServerClient } from "../server/client.ts";
import type { ThreadItem } from "../server/threads.ts";
import { type Loaded, useLoaded } from "./use-loaded.ts";

export interface UseThreads extends Loaded<readonly ThreadItem[]> {
  readonly threads: readonly ThreadItem[];
  /** Makes a thread, and answers its id. */
  readonly create: (thread?: { readonly title?: string; readonly agent?: string }) => Promise<string>;
  readonly rename: (threadId: string, title: string) => Promise<void>;
  readonly remove: (threadId: string) => Promise<void>;
}

/** One's own threads, newest first. */
export function useThreads(
  client: AgentServerClient,
  { search }: { readonly search?: string } = {},
): UseThreads {
  const loaded = useLoaded(`threads:${search ?? ""}`, async () => {
    const { data } = await client.threads(search === undefined ? {} : { search });
    return data.threads;
  });
  const { refresh } = loaded;
  const create = useCallback<UseThreads["create"]>(
    async (thread) => {
      const { data } = await client.createThread(thread);
      refresh();
      return data.thread_id;
    },
    [client, refresh],
  );
  const rename = useCallback<UseThreads["rename"]>(
    async (threadId, title) => {
      await client.renameThread(threadId, title);
      refresh();
    },
    [client, refresh],
  );
  const remove = useCallback<UseThreads["remove"]>(
    async (threadId) => {
      await client.deleteThread(threadId);
      refresh();
    },
    [client, refresh],
  );
  return { ...loaded, threads: loaded.data ?? [], create, rename, remove };
}
