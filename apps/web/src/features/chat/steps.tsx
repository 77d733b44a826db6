/** The tools a turn used, folded to one line: agent, tool, time, and the mark that opens the receipt. */
import type { Step, StepStatus } from "../../api/types.ts";
import { duration } from "../../lib/format.ts";
import { Disclosure } from "../../ui/disclosure.tsx";
import { CheckIcon, ClockIcon, XCircleIcon } from "../../ui/icons.tsx";
import { Hidden, Text } from "../../ui/text.tsx";
import { ReceiptMark } from "../receipt/receipt-mark.tsx";
import styles from "./chat.module.css";

const SAID: Record<StepStatus, string> = {
  running: "running",
  done: "done",
  refused: "refused",
  waiting: "waiting for your approval",
  failed: "failed",
};

function StatusIcon({ status }: { status: StepStatus }) {
  return (
    <span className={styles["stepIcon"]} data-status={status}>
      {status === "running" && <span className={styles["pulse"]} />}
      {status === "done" && <CheckIcon size={14} />}
      {status === "waiting" && <ClockIcon size={14} />}
      {(status === "refused" || status === "failed") && <XCircleIcon size={14} />}
    </span>
  );
}

function StepLine({ step }: { step: Step }) {
  return (
    <div className={styles["step"]} data-testid="step" data-status={step.status} data-tool={step.tool}>
      <StatusIcon status={step.status} />
      <Text as="span" size="sm">
        {step.agent}
      </Text>
      <span aria-hidden="true">·</span>
      <Text as="span" size="sm" mono>
        {step.tool}
      </Text>
      {step.status === "done" ? (
        <Hidden>done</Hidden>
      ) : (
        <Text
          as="span"
          size="sm"
          tone={step.status === "waiting" ? "warn" : step.status === "running" ? undefined : "bad"}
        >
          {SAID[step.status]}
        </Text>
      )}
      {step.ms !== undefined && (
        <>
          <span aria-hidden="true">·</span>
          <Text as="span" size="sm">
            {duration(step.ms)}
          </Text>
        </>
      )}
      {step.entry_id !== undefined && <ReceiptMark entryId={step.entry_id} what={step.tool} />}
    </div>
  );
}

/** One step shows as it is. Several fold into a line, unless one was refused, failed or waits: that must be seen. */
export function Steps({ steps, streaming }: { steps: readonly Step[]; streaming: boolean }) {
  if (steps.length === 0) return null;
  const lines = (
    <div className={styles["steps"]}>
      {steps.map((step) => (
        <StepLine key={step.call_id} step={step} />
      ))}
    </div>
  );
  if (steps.length === 1 || streaming) return lines;
  const agents = [...new Set(steps.map((step) => step.agent))].join(", ");
  const total = steps.reduce((sum, step) => sum + (step.ms ?? 0), 0);
  const striking = steps.some((step) => step.status !== "done");
  return (
    <Disclosure open={striking} summary={`${steps.length} steps · ${agents} · ${duration(total)} · receipts`}>
      {lines}
    </Disclosure>
  );
}
