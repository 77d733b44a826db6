/** One open conversation: its turns, the live announcements, and errors with a way out. */
import { useChat } from "@ai-sdk/react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { approvalsQuery, conversationsQuery, fetchConversation } from "../../api/queries.ts";
import type { Message } from "../../api/types.ts";
import { Button } from "../../ui/button.tsx";
import { ChevronDownIcon } from "../../ui/icons.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { Hidden } from "../../ui/text.tsx";
import { toast } from "../../ui/toast.tsx";
import { useModel, useUser } from "../auth/session.ts";
import styles from "./chat.module.css";
import type { OpenChat } from "./chat-registry.ts";
import { stopTurn } from "./open-chats.ts";
import { AssistantTurn, UserTurn } from "./turn-view.tsx";
import { type TurnMessage, fromStored, viewOf } from "./turn.ts";
import type { Engine } from "./use-composer.ts";
import { Welcome } from "./welcome.tsx";

/** Keeps the newest line in view while the person is at the end; leaves them alone once they scroll up. */
function useStickToEnd() {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [away, setAway] = useState(false);
  const stick = useRef(true);
  const lastTop = useRef(0);
  useEffect(() => {
    const element = scroller.current;
    if (element === null || content.current === null) return;
    // Watches the size, not the messages: pictures and late cards make the end move, too.
    const observer = new ResizeObserver(() => {
      if (stick.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(content.current);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (element === null) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 48;
    if (atEnd) stick.current = true;
    else if (element.scrollTop < lastTop.current - 2) stick.current = false;
    lastTop.current = element.scrollTop;
    setAway(!stick.current);
  }, []);
  const toEnd = useCallback(() => {
    stick.current = true;
    setAway(false);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, []);
  return { scroller, content, away, onScroll, toEnd };
}

/** What a screen reader hears: that work began, and the whole answer at its end; not each word. */
function announcement(status: string, last: TurnMessage | undefined): string {
  if (status === "submitted" || status === "streaming") return "The agents are working.";
  if (last?.role !== "assistant") return "";
  const view = viewOf(last);
  const waiting = view.approvals.some((approval) => approval.status === "pending");
  return `${view.text}${waiting ? " Your approval is needed." : ""}`;
}

export interface ChatPaneProps {
  entry: OpenChat;
  onEngine: (engine: Engine | undefined) => void;
}

export function ChatPane({ entry, onEngine }: ChatPaneProps) {
  const user = useUser();
  const model = useModel();
  const client = useQueryClient();
  const { messages, status, error, sendMessage, regenerate, setMessages, clearError } = useChat({
    chat: entry.chat,
    throttle: 40,
  });
  const { scroller, content, away, onScroll, toEnd } = useStickToEnd();
  const busy = status === "submitted" || status === "streaming";
  const last = messages.at(-1);

  const afterTurn = useCallback(async () => {
    await client.invalidateQueries({ queryKey: conversationsQuery.queryKey });
    await client.invalidateQueries({ queryKey: approvalsQuery.queryKey });
  }, [client]);

  const run = useCallback(
    async (start: () => Promise<void>) => {
      toEnd();
      await start();
      await afterTurn();
    },
    [afterTurn, toEnd],
  );

  const ask = useCallback(
    (question: string) => {
      if (entry.chat.status === "submitted" || entry.chat.status === "streaming") return false;
      clearError();
      void run(() => sendMessage({ text: question }));
      return true;
    },
    [clearError, entry, run, sendMessage],
  );
  const retry = useCallback(() => void run(() => regenerate()), [run, regenerate]);

  const onContinued = useCallback(
    (message: Message) => {
      setMessages((old) => [...old.filter((other) => other.id !== message.id), fromStored(message)]);
      toEnd();
    },
    [setMessages, toEnd],
  );

  /** After a lost connection the server may have finished: its record decides. */
  const reload = async () => {
    if (entry.conversationId === undefined) return;
    try {
      const stored = await fetchConversation(entry.conversationId);
      clearError();
      setMessages(stored.messages.map(fromStored));
    } catch {
      toast("The conversation could not be loaded. Try again in a moment.");
    }
  };

  const stop = useCallback(
    () =>
      void stopTurn(entry).catch(() =>
        toast("The answer was closed here, but the shop could not be told to stop."),
      ),
    [entry],
  );

  // Before the screen is painted: the field must not be idle for a moment.
  useLayoutEffect(() => {
    onEngine({ entry, busy, ask, stop });
    return () => onEngine(undefined);
  }, [ask, busy, entry, onEngine, stop]);

  return (
    <div className={styles["pane"]}>
      <div className={styles["scroll"]} ref={scroller} onScroll={onScroll}>
        <div className={styles["log"]} ref={content} role="log" aria-live="off" aria-label="Conversation">
          {messages.length === 0 && <Welcome user={user} onAsk={ask} />}
          {messages.map((message, index) => {
            if (message.role === "user") return <UserTurn key={message.id} message={message} />;
            const isLast = index === messages.length - 1;
            const before = messages.slice(0, index).findLast((other) => other.role === "user");
            return (
              <AssistantTurn
                key={message.id}
                message={message}
                streaming={busy && isLast}
                personName={user.name}
                offline={model.offline}
                question={before === undefined ? "" : viewOf(before).text}
                onAsk={ask}
                onRetry={isLast && !busy ? retry : undefined}
                onContinued={onContinued}
              />
            );
          })}
          {status === "submitted" && (
            <AssistantTurn
              message={WAITING}
              streaming
              personName={user.name}
              offline={model.offline}
              question=""
              onAsk={ask}
              onRetry={undefined}
              onContinued={onContinued}
            />
          )}
          {status === "error" && (
            <ErrorState
              error={error}
              title="This question was not answered"
              retry={retry}
              actions={
                entry.conversationId !== undefined && (
                  <Button size="small" variant="ghost" onClick={() => void reload()}>
                    See what the shop has stored
                  </Button>
                )
              }
            />
          )}
        </div>
      </div>
      {away && messages.length > 0 && (
        <div className={styles["jump"]}>
          <Button size="small" onClick={toEnd}>
            <ChevronDownIcon size={14} /> Newest
          </Button>
        </div>
      )}
      <Hidden role="status" aria-live="polite">
        {announcement(status, last)}
      </Hidden>
    </div>
  );
}

const WAITING: TurnMessage = { id: "waiting", role: "assistant", parts: [], metadata: {} };
