/** The exchange itself. Loaded beside the screen's frame, because it brings the chat engine. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { conversationQuery } from "../../api/queries.ts";
import { ErrorState } from "../../ui/states.tsx";
import { ChatPane } from "./chat-pane.tsx";
import { openChats } from "./chat-registry.ts";
import styles from "./chat.module.css";
import { LoadingConversation } from "./loading-conversation.tsx";
import { freshChat, openChat } from "./open-chats.ts";
import type { Engine } from "./use-composer.ts";

interface PaneProps {
  /** Told what can be written to; nothing once it is gone. */
  onEngine: (engine: Engine | undefined) => void;
}

/** Loads a stored conversation, then shows it. */
function StoredChat({ id, onEngine }: PaneProps & { id: string }) {
  const query = useQuery(conversationQuery(id));
  if (query.isError) {
    return (
      <div className={styles["pane"]}>
        <div className={styles["log"]}>
          <ErrorState
            error={query.error}
            title="This conversation could not be opened"
            retry={() => void query.refetch()}
          />
        </div>
      </div>
    );
  }
  if (query.data === undefined) return <LoadingConversation />;
  const entry = openChat(id, query.data.messages);
  return <ChatPane key={entry.key} entry={entry} onEngine={onEngine} />;
}

export interface LiveChatProps extends PaneProps {
  conversationId: string | undefined;
}

export function LiveChat({ conversationId, onEngine }: LiveChatProps) {
  const navigate = useNavigate();
  const entry = conversationId === undefined ? freshChat() : openChats.byId.get(conversationId);

  // The address gets the id as soon as the server has given one, without disturbing the stream.
  useEffect(() => {
    if (entry === undefined || entry.conversationId !== undefined) return;
    entry.onNamed = (id) =>
      void navigate({
        to: "/chat/{-$conversationId}",
        params: { conversationId: id },
        search: {},
        replace: true,
      });
    return () => {
      entry.onNamed = undefined;
    };
  }, [entry, navigate]);

  if (entry !== undefined) return <ChatPane key={entry.key} entry={entry} onEngine={onEngine} />;
  return conversationId === undefined ? null : (
    <StoredChat key={conversationId} id={conversationId} onEngine={onEngine} />
  );
}
