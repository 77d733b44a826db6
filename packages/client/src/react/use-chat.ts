import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { type Chat, type ChatState, createChat } from "../server/chat.ts";
import type { AgentServerClient } from "../server/client.ts";

export interface UseChatOptions {
  /** A thread to go on with; a new one begins with the first message unless told. */
  readonly threadId?: string | null;
  readonly agent?: string;
  /** Told once a new thread has its id. */
  readonly onThread?: (threadId: string) => void;
}

export interface UseChat extends ChatState, Pick<Chat, "send" | "stop" | "decide"> {
  /** Reads the thread again, and follows what runs in it. */
  readonly refresh: Chat["open"];
}

/** A conversation that streams, can be stopped, and shows what waits for the person. Another `threadId` is another conversation. */
export function useChat(client: AgentServerClient, options: UseChatOptions = {}): UseChat {
  const { threadId = null, agent } = options;
  const latest = useRef(options.onThread);
  latest.current = options.onThread;
  /** The thread that the present conversation began by itself: its id coming back as `threadId` is no other conversation. */
  const begun = useRef<{ id: string; chat: Chat } | undefined>(undefined);
  const chat = useMemo(() => {
    if (threadId !== null && begun.current?.id === threadId) return begun.current.chat;
    const made: Chat = createChat({
      client,
      threadId,
      ...(agent !== undefined && { agent }),
      onThread: (id) => {
        begun.current = { id, chat: made };
        latest.current?.(id);
      },
    });
    return made;
  }, [client, threadId, agent]);
  const state = useSyncExternalStore(chat.subscribe, chat.state, chat.state);
  // Reads alone, so that mounting twice does nothing twice. What runs goes on without whoever watches.
  useEffect(() => {
    void chat.open();
    return () => chat.close();
  }, [chat]);
  const { send, stop, decide, open: refresh } = chat;
  return { ...state, send, stop, decide, refresh };
}
