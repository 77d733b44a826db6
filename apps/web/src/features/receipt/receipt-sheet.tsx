/**
 * A receipt in five plain lines: who asked, who acted, under which grant, what happened, and the proof, which is
 * checked here in the browser and not taken from the shop's word.
 */
import type { Receipt } from "@deputize/audit/verify";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { api } from "../../api/http.ts";
import { date, dateTime, number, scopeWords, sentence, timeOfDay, words } from "../../lib/format.ts";
import { now } from "../../lib/clock.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Facts } from "../../ui/card.tsx";
import { Code, Disclosure } from "../../ui/disclosure.tsx";
import {
  BriefcaseIcon,
  CheckIcon,
  CopyIcon,
  LockIcon,
  Mark,
  ShieldIcon,
  SparkIcon,
  UserIcon,
  XCircleIcon,
} from "../../ui/icons.tsx";
import { Row, Stack } from "../../ui/layout.tsx";
import { Sheet } from "../../ui/overlay.tsx";
import { ErrorState, Loading, Notice, Skeleton, Spinner } from "../../ui/states.tsx";
import { Text } from "../../ui/text.tsx";
import { toast } from "../../ui/toast.tsx";
import { bundleText } from "./bundle.ts";
import type { ReceiptCheck } from "./log-memory.ts";
import { PROBLEM_WORDS, verifyInBrowser } from "./log-watch.ts";
import styles from "./receipt.module.css";

/** A receipt is pending until the sequencer has signed its tree, usually well under a second. */
const PENDING_POLL_MS = 700;

function Line({
  icon,
  label,
  tone,
  children,
}: {
  icon: ReactNode;
  label: string;
  tone?: "ok" | "bad" | undefined;
  children: ReactNode;
}) {
  return (
    <div className={styles["line"]} role="listitem">
      <span className={styles["icon"]} data-tone={tone}>
        {icon}
      </span>
      <div>
        <Text as="div" size="sm" tone="soft">
          {label}
        </Text>
        {children}
      </div>
    </div>
  );
}

/** The tool and its arguments, from the openings, which the proof covers. */
function deed(receipt: Receipt): {
  name: string;
  args: readonly (readonly [string, string])[];
  approved: boolean;
} {
  const what = receipt.openings?.what?.value;
  const why = receipt.openings?.why?.value;
  const { resource, args } = isObject(what) ? what : {};
  return {
    name: typeof resource === "string" ? resource : (receipt.summary.resource ?? receipt.summary.action),
    args: isObject(args)
      ? Object.entries(args).map(
          ([name, value]) =>
            [words(name), typeof value === "string" ? value : JSON.stringify(value)] as const,
        )
      : [],
    approved: isObject(why) && why["approval"] !== undefined && receipt.summary.outcome === "allowed",
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const WAITS = { text: "Waits for approval", tone: "warn" as const };

const OUTCOMES: Readonly<Record<string, { text: string; tone: "ok" | "bad" | "warn" | "plain" }>> = {
  allowed: { text: "Allowed and done", tone: "ok" },
  refused: { text: "Refused", tone: "bad" },
  failed: { text: "Failed", tone: "warn" },
  info: { text: "Noted", tone: "plain" },
};

function ProofLine({
  receipt,
  check,
  failed,
}: {
  receipt: Receipt;
  check: ReceiptCheck | undefined;
  failed: boolean;
}) {
  if (receipt.status === "pending" || check?.kind === "pending") {
    return (
      <Line icon={<LockIcon />} label="Proof">
        <Row gap={2}>
          <Spinner label="Waiting" />
          <Text strong>Recorded, and waiting for its place in the signed log</Text>
        </Row>
      </Line>
    );
  }
  if (failed || check?.kind === "failed") {
    return (
      <Line icon={<XCircleIcon />} label="Proof" tone="bad">
        <Text strong tone="bad" data-testid="proof" data-verified="false">
          {check?.kind === "failed" && check.about !== "browser"
            ? "This receipt does not verify"
            : "It could not be verified just now"}
        </Text>
        <Text size="sm">
          {check?.kind === "failed"
            ? PROBLEM_WORDS[check.problem]
            : "The log's checkpoint could not be fetched. Try again in a moment."}
        </Text>
      </Line>
    );
  }
  const place = `Entry ${number((receipt.index ?? 0) + 1)} of ${number(receipt.size ?? 0)}`;
  return (
    <Line
      icon={check === undefined ? <LockIcon /> : <CheckIcon />}
      label="Proof"
      tone={check === undefined ? undefined : "ok"}
    >
      {check === undefined ? (
        <Row gap={2}>
          <Spinner label="Verifying" />
          <Text strong>{place} · verifying in this browser</Text>
        </Row>
      ) : (
        <>
          <Text strong data-testid="proof" data-verified="true">
            {place} · verified in this browser
          </Text>
          <Text size="sm" tone="soft">
            {check.log.kind === "first"
              ? `Signed checkpoint checked at ${timeOfDay(new Date(now()).toISOString())}. It is the first one this browser has seen; from now on the log can only grow.`
              : `Signed checkpoint checked at ${timeOfDay(new Date(now()).toISOString())}. It extends the ${number(check.log.before)} entries that this browser already knew.`}
          </Text>
        </>
      )}
    </Line>
  );
}

function ReceiptBody({ receipt }: { receipt: Receipt }) {
  const proof = useQuery({
    queryKey: ["receipt-proof", receipt.entry_id, receipt.status],
    queryFn: () => verifyInBrowser(receipt),
    enabled: receipt.status === "logged",
    staleTime: Infinity,
  });
  const { summary } = receipt;
  const done = deed(receipt);
  const waits = summary.reason === "approval_required";
  const outcome = waits
    ? WAITS
    : (OUTCOMES[summary.outcome] ?? { text: words(summary.outcome), tone: "plain" as const });
  // The innermost actor came first: read it as the way the question took.
  const way = summary.agents.toReversed().map((agent) => agent.name ?? agent.id);
  const share = async () => {
    try {
      await navigator.clipboard.writeText(bundleText(receipt));
      toast("Copied. It can be checked offline, without this shop.");
    } catch {
      toast("This browser did not allow copying. Open the raw entry below instead.");
    }
  };
  return (
    <>
      <div className={styles["lines"]} role="list">
        <Line icon={<UserIcon />} label="Asked by">
          <Text strong dir="auto">
            {summary.asked?.name ?? summary.asked?.id ?? "A person whose data was erased"}
          </Text>
        </Line>
        <Line icon={<SparkIcon />} label="Acted for them">
          <Text strong>{way.length > 0 ? way.join(" → ") : "Nobody: the person acted alone"}</Text>
        </Line>
        <Line icon={<ShieldIcon />} label="Under the grant">
          {summary.grant === undefined ? (
            <Text strong>None</Text>
          ) : (
            <>
              <Text strong>
                {summary.grant.expires === undefined
                  ? "A grant without a stated end"
                  : `Until ${dateTime(summary.grant.expires)}`}
              </Text>
              <div className={styles["chips"]}>
                {(summary.grant.scopes ?? []).map((scope) => (
                  <Badge key={scope} tone="outline" title={scope}>
                    {scopeWords(scope)}
                  </Badge>
                ))}
              </div>
              <Text as="div" size="xs" tone="soft" mono>
                {summary.grant.id}
              </Text>
            </>
          )}
        </Line>
        <Line icon={<Mark size={18} />} label="What was done">
          <Row gap={2} wrap>
            <Text as="span" strong mono>
              {done.name}
            </Text>
            <Badge tone={outcome.tone}>{outcome.text}</Badge>
          </Row>
          {done.args.length > 0 && <Facts items={done.args} />}
          {done.approved && <Text size="sm">With the person's approval of exactly this.</Text>}
          {summary.reason !== undefined && !waits && <Text size="sm">{sentence(words(summary.reason))}</Text>}
          <Text size="sm" tone="soft">
            {date(summary.at)} at {timeOfDay(summary.at)}
          </Text>
        </Line>
        {summary.case !== undefined && (
          <Line icon={<BriefcaseIcon />} label="Under a case">
            <Text strong dir="auto">
              {summary.case.purpose}
            </Text>
          </Line>
        )}
        <ProofLine receipt={receipt} check={proof.data} failed={proof.isError} />
      </div>
      <div className={styles["tail"]}>
        {proof.isError && (
          <Notice
            tone="warn"
            title="Not verified yet"
            actions={
              <Button size="small" onClick={() => void proof.refetch()}>
                Verify again
              </Button>
            }
          >
            Nothing is wrong with the receipt as far as is known.
          </Notice>
        )}
        <Button onClick={() => void share()} disabled={receipt.status === "pending"}>
          <CopyIcon /> Copy a bundle that verifies offline
        </Button>
        <Disclosure summary="Raw entry">
          <Code label="Raw entry">
            {receipt.leaf === undefined
              ? JSON.stringify(receipt, null, 2)
              : `${pretty(receipt.leaf)}\n\n${receipt.checkpoint ?? ""}`}
          </Code>
        </Disclosure>
      </div>
    </>
  );
}

function pretty(leaf: string): string {
  try {
    return JSON.stringify(JSON.parse(leaf), null, 2);
  } catch {
    return leaf;
  }
}

export function ReceiptSheet({ entryId }: { entryId: string }) {
  const navigate = useNavigate();
  const query = useQuery({
    queryKey: ["receipt", entryId],
    queryFn: ({ signal }) => api.get<Receipt>(`/api/receipts/${encodeURIComponent(entryId)}`, signal),
    refetchInterval: ({ state }) => (state.data?.status === "pending" ? PENDING_POLL_MS : false),
  });
  const close = () =>
    void navigate({
      to: ".",
      search: (old: object) => ({ ...old, receipt: undefined }),
      replace: true,
      resetScroll: false,
    });
  return (
    <Sheet
      open
      onClose={close}
      title="Receipt"
      description="What was done, for whom, and the proof that it is on record."
      testId="receipt"
    >
      {query.isPending && (
        <Loading label="Loading the receipt">
          <Stack gap={6}>
            {["asked", "acted", "grant", "done", "proof"].map((line) => (
              <Row key={line} gap={3}>
                <Skeleton width={32} height={32} radius={999} />
                <Stack gap={1}>
                  <Skeleton width={96} height={16} />
                  <Skeleton width={240} height={20} />
                </Stack>
              </Row>
            ))}
          </Stack>
        </Loading>
      )}
      {query.isError && (
        <ErrorState
          error={query.error}
          title="The receipt could not be shown"
          retry={() => void query.refetch()}
        />
      )}
      {query.isSuccess && <ReceiptBody receipt={query.data} />}
    </Sheet>
  );
}
