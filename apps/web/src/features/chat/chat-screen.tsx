/** The chat: conversations at the left, the exchange in the middle. */
import { Link, getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { deferred } from "../../ui/deferred.tsx";
import { MenuIcon, PlusIcon } from "../../ui/icons.tsx";
import { useTitle } from "../../ui/layout.tsx";
import { Sheet } from "../../ui/overlay.tsx";
import { Heading, Hidden } from "../../ui/text.tsx";
import { useModel, useUser } from "../auth/session.ts";
import { discardFreshChat } from "./chat-registry.ts";
import styles from "./chat.module.css";
import { Composer } from "./composer.tsx";
import { ConversationList } from "./conversation-list.tsx";
import { LoadingConversation } from "./loading-conversation.tsx";
import type { LiveChatProps } from "./live-chat.tsx";
import { useComposer } from "./use-composer.ts";
import { Welcome } from "./welcome.tsx";

const route = getRouteApi("/shell/chat/{-$conversationId}");

const LiveChat = deferred<LiveChatProps>(() => import("./live-chat.tsx").then((m) => m.LiveChat));
// Starts at once, beside the frame.
LiveChat.preload();

/** An empty chat in the moment before its engine is there. */
function EmptyFrame({ onAsk }: { onAsk: ((question: string) => void) | undefined }) {
  return (
    <div className={styles["pane"]} aria-busy="true">
      <div className={styles["scroll"]}>
        <div className={styles["log"]}>
          <Welcome user={useUser()} onAsk={onAsk} />
        </div>
      </div>
    </div>
  );
}

export function ChatScreen() {
  useTitle("Chat");
  const { conversationId } = route.useParams();
  const { q } = route.useSearch();
  const [list, setList] = useState(false);
  const composer = useComposer(q);
  const user = useUser();
  const model = useModel();
  return (
    <div className={styles["layout"]}>
      <Hidden>
        <Heading level={1}>Chat</Heading>
      </Hidden>
      <aside className={styles["side"]} aria-label="Earlier conversations">
        <ConversationList currentId={conversationId} />
      </aside>
      <div className={styles["pane"]}>
        <div className={styles["bar"]}>
          <Button variant="ghost" size="small" onClick={() => setList(true)}>
            <MenuIcon /> Conversations
          </Button>
          <Button variant="ghost" size="small" asChild>
            <Link
              to="/chat/{-$conversationId}"
              params={{ conversationId: undefined }}
              onClick={discardFreshChat}
            >
              <PlusIcon /> New chat
            </Link>
          </Button>
        </div>
        <LiveChat
          fallback={
            conversationId === undefined ? (
              <EmptyFrame onAsk={composer.busy ? undefined : composer.ask} />
            ) : (
              <LoadingConversation />
            )
          }
          conversationId={conversationId}
          onEngine={composer.attach}
        />
        {(composer.attached || conversationId === undefined) && (
          <div className={styles["dock"]}>
            <Composer
              field={composer.field}
              text={composer.text}
              onText={composer.change}
              onSend={composer.send}
              onStop={composer.stop}
              busy={composer.busy}
              fromLink={composer.fromLink}
              onDiscardLink={composer.discardLink}
              personName={user.name}
              model={model}
            />
          </div>
        )}
      </div>
      <Sheet side="start" open={list} onClose={() => setList(false)} title="Conversations">
        <div className={styles["sheetList"]}>
          <ConversationList currentId={conversationId} onPick={() => setList(false)} />
        </div>
      </Sheet>
    </div>
  );
}
