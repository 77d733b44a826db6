/** The chat: conversations at the left, the exchange in the middle. */
import { Link, getRouteApi } from "@tanstack/react-router";
import { type RefObject, useRef, useState } from "react";
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
import type { EarlyWords, LiveChatProps } from "./live-chat.tsx";
import { Welcome } from "./welcome.tsx";

const route = getRouteApi("/shell/chat/{-$conversationId}");

const LiveChat = deferred<LiveChatProps>(() => import("./live-chat.tsx").then((m) => m.LiveChat));
// Starts at once, beside the frame.
LiveChat.preload();

/** An empty chat in the moment before its engine is there. What is typed or pressed meanwhile is kept for it. */
function EmptyFrame({ early, linkText }: { early: RefObject<EarlyWords>; linkText: string | undefined }) {
  const user = useUser();
  const model = useModel();
  const [text, setText] = useState(linkText ?? "");
  const [asked, setAsked] = useState(false);
  const type = (next: string) => {
    early.current.text = next;
    setText(next);
  };
  const ask = (question: string) => {
    early.current.ask = question;
    setAsked(true);
  };
  return (
    <div className={styles["pane"]} aria-busy="true">
      <div className={styles["scroll"]}>
        <div className={styles["log"]}>
          <Welcome user={user} onAsk={asked ? undefined : ask} />
        </div>
      </div>
      <div className={styles["dock"]}>
        <Composer
          text={text}
          onText={type}
          onSend={() => ask(text.trim())}
          onStop={() => undefined}
          busy={asked}
          fromLink={linkText !== undefined}
          onDiscardLink={() => type("")}
          personName={user.name}
          model={model}
        />
      </div>
    </div>
  );
}

export function ChatScreen() {
  useTitle("Chat");
  const { conversationId } = route.useParams();
  const { q } = route.useSearch();
  const [list, setList] = useState(false);
  const early = useRef<EarlyWords>({});
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
            conversationId === undefined ? <EmptyFrame early={early} linkText={q} /> : <LoadingConversation />
          }
          conversationId={conversationId}
          linkText={q}
          early={early}
        />
      </div>
      <Sheet side="start" open={list} onClose={() => setList(false)} title="Conversations">
        <div className={styles["sheetList"]}>
          <ConversationList currentId={conversationId} onPick={() => setList(false)} />
        </div>
      </Sheet>
    </div>
  );
}
