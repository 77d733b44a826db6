/**
 * Asks a person for a yes to one exact call: what will happen, the exact arguments and where each came from,
 * the amount, and how long there is to decide.
 *
 * Guarantees: what is shown is the record of the shop, refreshed on sight, never the model's prose; a press
 * sends one decision, and the answer to it is the record's, so a second tab cannot mislead [SR-05, SR-15].
 */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "../../api/http.ts";
import { approvalQuery, approvalsQuery } from "../../api/queries.ts";
import type { Approval, Message } from "../../api/types.ts";
import { money, timeLeft, words } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { AlertIcon, ClockIcon, ShieldIcon, SparkIcon } from "../../ui/icons.tsx";
import { Row, Stack } from "../../ui/layout.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { Table } from "../../ui/table.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { Ago, Countdown, useNow } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";
import {
  STATUS_MEANING,
  STATUS_WORDS,
  effectiveStatus,
  reasonsText,
  sourceWords,
  valueText,
} from "./approval-words.ts";
import styles from "./approval.module.css";

type Decision = "approve" | "refuse";

export interface ApprovalCardProps {
  approval: Approval;
  /** Gets the answer of the turn that went on. */
  onContinued?: (message: Message) => void;
}

export function ApprovalCard({ approval: initial, onContinued }: ApprovalCardProps) {
  const client = useQueryClient();
  const { data: approval } = useQuery({
    ...approvalQuery(initial.id),
    initialData: initial,
    // A card in a stored conversation may be old: the record is asked as soon as the card is seen.
    initialDataUpdatedAt: 0,
    enabled: initial.status === "pending" || initial.status === "approved",
  });
  const open = approval.status === "pending";
  const time = useNow(1000, open);
  const status = effectiveStatus(approval, timeLeft(approval.expires, time).over);

  const decide = useMutation({
    mutationFn: (decision: Decision) =>
      api.post<{ approval: Approval; message?: Message }>(
        `/api/approvals/${encodeURIComponent(approval.id)}/decide`,
        { decision },
      ),
    onSuccess: async (result, decision) => {
      client.setQueryData(approvalQuery(approval.id).queryKey, result.approval);
      if (result.message !== undefined && onContinued !== undefined) onContinued(result.message);
      else toast(decision === "approve" ? "Approved" : "Refused. Nothing was changed.");
      await client.invalidateQueries({ queryKey: approvalsQuery.queryKey });
      await client.invalidateQueries({ queryKey: ["orders"] });
      await client.invalidateQueries({ queryKey: ["order"] });
    },
    onError: () => client.invalidateQueries({ queryKey: approvalQuery(approval.id).queryKey }),
  });
  const pressed = decide.isPending ? decide.variables : undefined;
  const reasons = reasonsText(approval);
  const foreign = approval.arguments.some((argument) => argument.source === "other");

  return (
    <Card
      look={status === "pending" ? "attention" : "settled"}
      aria-label={`Approval: ${approval.summary}`}
      data-testid="approval-card"
      data-status={status}
    >
      <div className={styles["card"]}>
        <Row justify="between" wrap>
          <Badge tone={STATUS_WORDS[status].tone} icon={<ShieldIcon size={12} />}>
            {STATUS_WORDS[status].text}
          </Badge>
          <Text as="span" size="sm" tone="soft">
            {status === "pending" ? (
              <Row gap={1}>
                <ClockIcon size={14} />{" "}
                <Countdown expires={approval.expires} prefix="expires in" over="expired" />
              </Row>
            ) : (
              <Ago time={approval.created} />
            )}
          </Text>
        </Row>
        <Row justify="between" align="top" gap={4} wrap>
          <Stack gap={1} className={styles["sentence"] ?? ""}>
            <Heading level={2} size="lg" className={styles["summary"]} dir="auto">
              {approval.summary}
            </Heading>
            <Text size="sm" tone="soft">
              {approval.agent} wants to call{" "}
              <Text as="span" size="sm" mono>
                {approval.tool}
              </Text>{" "}
              for you. {STATUS_MEANING[status]}
            </Text>
          </Stack>
          {approval.amount !== undefined && (
            <Text as="div" size="xl" strong className={styles["amount"] ?? ""}>
              {money(approval.amount)}
            </Text>
          )}
        </Row>
        {approval.arguments.length > 0 && (
          <Table
            caption={`Exact arguments of ${approval.tool}`}
            columns={[{ name: "Argument" }, { name: "Exact value" }, { name: "Where it came from" }]}
            rows={approval.arguments.map((argument) => ({
              key: argument.name,
              tone: argument.source === "other" ? "warn" : undefined,
              cells: [
                words(argument.name),
                <span key="value" className={styles["value"]} dir="auto">
                  {valueText(argument.value)}
                </span>,
                <Text
                  key="source"
                  as="span"
                  size="sm"
                  tone={argument.source === "other" ? "warn" : "soft"}
                  strong={argument.source === "other"}
                  className={styles["source"] ?? ""}
                >
                  {argument.source === "other" ? (
                    <AlertIcon size={14} />
                  ) : argument.source === "your data" ? (
                    <SparkIcon size={14} />
                  ) : undefined}
                  <span className={styles["value"]} dir="auto">
                    {sourceWords(argument, approval)}
                  </span>
                </Text>,
              ],
            }))}
          />
        )}
        {reasons.length > 0 && (
          <Stack gap={1} role="note" aria-label="Why you are asked" data-testid="approval-reasons">
            <Text size="sm" strong>
              Why you are asked
            </Text>
            {reasons.map((reason) => (
              <Text key={reason} size="sm" tone="soft" dir="auto">
                {reason}
              </Text>
            ))}
          </Stack>
        )}
        {foreign && open && (
          <Text size="sm" tone="warn">
            A value came neither from you nor from your data. Check it before you approve.
          </Text>
        )}
        {decide.isError && <ErrorState error={decide.error} title="Your decision was not taken" />}
        {status === "approved" && !decide.isPending && (
          <div className={styles["actions"]}>
            <Button onClick={() => decide.mutate("approve")}>Carry it out now</Button>
          </div>
        )}
        {status === "pending" && (
          <div className={styles["actions"]}>
            <Button
              variant="primary"
              busy={pressed === "approve"}
              disabled={decide.isPending}
              onClick={() => decide.mutate("approve")}
            >
              Approve
            </Button>
            <Button
              busy={pressed === "refuse"}
              disabled={decide.isPending}
              onClick={() => decide.mutate("refuse")}
            >
              Refuse
            </Button>
          </div>
        )}
      </div>
    </Card>
  );
}
