/** One exchange: what the person wrote, and what came back with who acted, what they did, and the proof. */
import { memo } from "react";
import { type Problem } from "../../api/types.ts";
import { sentence } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Mark, UserIcon } from "../../ui/icons.tsx";
import { RichText } from "../../ui/rich-text.tsx";
import { Notice, Skeleton } from "../../ui/states.tsx";
import { Hidden, Text } from "../../ui/text.tsx";
import { ApprovalCard } from "../approvals/approval-card.tsx";
import type { Message } from "../../api/types.ts";
import { CardView } from "./card-view.tsx";
import styles from "./chat.module.css";
import { Steps } from "./steps.tsx";
import { type TurnMessage, viewOf } from "./turn.ts";

export function UserTurn({ message }: { message: TurnMessage }) {
  return (
    <div className={styles["user"]} dir="auto" data-testid="user-turn">
      <Hidden>You: </Hidden>
      {viewOf(message).text}
    </div>
  );
}

export interface AssistantTurnProps {
  message: TurnMessage;
  streaming: boolean;
  personName: string;
  offline: boolean;
  /** The question before it, for asking again once a case is open. */
  question: string;
  onAsk: (text: string) => void;
  onRetry: (() => void) | undefined;
  onContinued: (message: Message) => void;
}

function ProblemNotice({ problem, onRetry }: { problem: Problem; onRetry: (() => void) | undefined }) {
  return (
    <Notice
      tone="bad"
      role="alert"
      title={sentence(problem.detail ?? problem.title ?? "the turn failed")}
      actions={
        onRetry && (
          <Button size="small" onClick={onRetry}>
            Ask again
          </Button>
        )
      }
    >
      What was done until then is listed above, each with its receipt.
      {problem.request_id !== undefined && (
        <Text as="div" size="xs" tone="soft">
          Reference{" "}
          <Text as="span" mono>
            {problem.request_id}
          </Text>
        </Text>
      )}
    </Notice>
  );
}

export const AssistantTurn = memo(function AssistantTurn(props: AssistantTurnProps) {
  const { message, streaming, personName, offline, question, onAsk, onRetry, onContinued } = props;
  const { text, steps, cards, approvals, problems } = viewOf(message);
  const agents = message.metadata?.agents ?? [...new Set(steps.map((step) => step.agent))];
  const names = agents.length > 0 ? agents : ["customer-support"];
  const blank = text === "" && cards.length === 0 && approvals.length === 0 && problems.length === 0;
  return (
    <article
      className={styles["turn"]}
      aria-busy={streaming || undefined}
      data-testid="assistant-turn"
      data-status={message.metadata?.status}
    >
      <header className={styles["who"]}>
        <span className={styles["disc"]}>
          <Mark size={24} />
        </span>
        <Text as="span" size="sm" strong>
          {names.join(" → ")}
        </Text>
        <Badge
          tone="outline"
          icon={<UserIcon size={12} />}
          title={`These agents act for ${personName}, within what ${personName} may do`}
        >
          for {personName}
        </Badge>
        {offline && (
          <Badge
            tone="outline"
            title="No language model is set up: a built-in planner with fixed rules answers"
          >
            offline planner
          </Badge>
        )}
      </header>
      <Steps steps={steps} streaming={streaming} />
      {text !== "" && <RichText text={text} streaming={streaming && approvals.length === 0} />}
      {streaming && blank && steps.length === 0 && <Skeleton width="40%" height={20} />}
      {cards.length > 0 && (
        <div className={styles["cards"]}>
          {cards.map((card, index) => (
            <CardView key={`${index}-${card.type}`} card={card} question={question} onAsk={onAsk} />
          ))}
        </div>
      )}
      {approvals.map((approval) => (
        <ApprovalCard key={approval.id} approval={approval} onContinued={onContinued} />
      ))}
      {problems.map((problem, index) => (
        <ProblemNotice key={`${index}-${problem.code ?? ""}`} problem={problem} onRetry={onRetry} />
      ))}
      {message.metadata?.status === "stopped" && (
        <Text size="sm" tone="soft">
          You stopped this answer.
        </Text>
      )}
    </article>
  );
});
