/** Makes chats: the AI SDK's state machine over the shop's transport, entered into the registry. */
import { Chat } from "@ai-sdk/react";
import { api } from "../../api/http.ts";
import type { Message } from "../../api/types.ts";
import { type OpenChat, openChats } from "./chat-registry.ts";
import { shopTransport } from "./transport.ts";
import { type TurnMessage, fromStored } from "./turn.ts";

let made = 0;

function make(conversationId: string | undefined, messages: TurnMessage[]): OpenChat {
  const key = `chat-${made++}`;
  const entry: OpenChat = {
    key,
    conversationId,
    runId: undefined,
    draft: "",
    onNamed: undefined,
    chat: new Chat<TurnMessage>({
      id: key,
      messages,
      transport: shopTransport({
        conversationId: () => entry.conversationId,
        onStart: (id, runId) => {
          entry.runId = runId;
          if (entry.conversationId !== undefined) return;
          entry.conversationId = id;
          openChats.byId.set(id, entry);
          if (openChats.fresh === entry) openChats.fresh = undefined;
          entry.onNamed?.(id);
        },
      }),
    }),
  };
  return entry;
}

/** The chat that has not been sent yet; one at a time. */
export function freshChat(): OpenChat {
  openChats.fresh ??= make(undefined, []);
  return openChats.fresh;
}

/** Opens a stored conversation, or returns the one that is open already. */
export function openChat(conversationId: string, messages: readonly Message[]): OpenChat {
  const existing = openChats.byId.get(conversationId);
  if (existing !== undefined) return existing;
  const entry = make(conversationId, messages.map(fromStored));
  openChats.byId.set(conversationId, entry);
  return entry;
}

/** Ends the running turn at the server first, so that nothing goes on unseen, then closes the stream. */
export async function stopTurn(entry: OpenChat): Promise<void> {
  try {
    if (entry.runId !== undefined) await api.post(`/api/chat/${encodeURIComponent(entry.runId)}/stop`, {});
  } finally {
    await entry.chat.stop();
    const last = entry.chat.messages.at(-1);
    if (last?.role === "assistant") {
      const stopped: TurnMessage = { ...last, metadata: { ...last.metadata, status: "stopped" } };
      entry.chat.messages = [...entry.chat.messages.slice(0, -1), stopped];
    }
  }
}
