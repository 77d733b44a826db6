/** An approval as it is asked for, kept and shown. */
import type { GrantId, PrincipalId } from "@deputize/core";
import { z } from "zod";

export const APPROVAL_STATUSES = [
  "pending",
  "approved",
  "rejected",
  "expired",
  "executed",
  "failed",
  "superseded",
] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

const digest = z.string().min(16).max(128);

const approvalReason = z.strictObject({
  rule: z.string().min(1).max(64),
  says: z.string().min(1).max(1_000),
  links: z
    .array(
      z.strictObject({
        argument: z.string().min(1).max(100),
        says: z.string().min(1).max(600),
        from: z.string().min(1).max(32),
        source: z.string().max(200).optional(),
        call: z.string().max(128).optional(),
        entry: z.string().max(128).optional(),
      }),
    )
    .max(200),
});
export type ApprovalReason = Readonly<z.infer<typeof approvalReason>>;

/** What a tool server asks for. Who asks comes from the caller and never from here. */
export const approvalRequestSchema = z.strictObject({
  callId: z.string().min(1).max(200),
  tool: z.string().min(1).max(200),
  agent: z.string().min(1).max(100),
  /** What the person is shown: redacted, in order, each with where its value came from. */
  args: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100),
        value: z.string().max(2_000),
        source: z.enum(["you", "your data", "other"]),
      }),
    )
    .max(50),
  argsDigest: digest,
  preview: z.json().optional(),
  previewDigest: digest,
  summary: z.string().min(1).max(2_000),
  amountCents: z.int().min(0).optional(),
  /** 15 minutes unless told. */
  ttlSeconds: z.int().min(1).max(3_600).optional(),
  runId: z.string().min(1).max(200).optional(),
  conversationId: z.string().min(1).max(200).optional(),
  /** `owner` (unless told): the person decides. `staff`: another person does. */
  kind: z.enum(["owner", "staff"]).optional(),
  /** Why the person is asked: sentences, and for each argument where its value came from. Shown, and never decided by. */
  because: z.array(approvalReason).max(8).optional(),
  /** The card that this one replaces, because an argument or the preview changed. */
  supersedes: z.uuid().optional(),
});
export type ApprovalRequest = z.input<typeof approvalRequestSchema>;

/** The shape of docs/architecture.md. */
export interface ApprovalView {
  readonly id: string;
  readonly tool: string;
  readonly agent: string;
  readonly summary: string;
  readonly arguments: readonly { name: string; value: string; source: "you" | "your data" | "other" }[];
  readonly amount?: number;
  readonly status: ApprovalStatus;
  readonly expires: string;
  readonly created: string;
  readonly conversation_id?: string;
  /** Why the person is asked. */
  readonly because?: readonly ApprovalReason[];
}

/** A card that was asked for: the row as it stands in the table. */
export interface AskedApproval {
  readonly id: string;
  readonly expiresAt: string;
  readonly status: ApprovalStatus;
  readonly view: ApprovalView;
}

/** A decided approval, for whoever resumes the run. */
export interface DecidedApproval {
  readonly id: string;
  readonly decision: "approve" | "refuse";
  readonly tenant: string;
  readonly subject: PrincipalId;
  readonly actor: PrincipalId;
  readonly agent: string;
  readonly tool: string;
  readonly callId: string;
  readonly runId?: string;
  readonly conversationId?: string;
  readonly view: ApprovalView;
  /** The session's root grant, under which the run may go on. */
  readonly grant?: GrantId;
}

export interface ApprovalRow {
  id: string;
  tenant: string;
  subject: string;
  actor: string;
  agent: string;
  tool: string;
  call_id: string;
  args: ApprovalView["arguments"];
  summary: string;
  amount_cents: number | null;
  kind: "owner" | "staff";
  run_id: string | null;
  conversation_id: string | null;
  because: readonly ApprovalReason[] | null;
  status: ApprovalStatus;
  created_at: Date;
  expires_at: Date;
}

export const APPROVAL_COLUMNS =
  "a.id, a.tenant, a.subject, a.actor, a.agent, a.tool, a.call_id, a.args, a.summary, a.amount_cents, a.kind, a.run_id, a.conversation_id, a.because, a.status, a.created_at, a.expires_at";

/** What a row is at `nowMs`: an open one past its time is expired, whether or not anybody has written that down. */
export function statusAt(row: Pick<ApprovalRow, "status" | "expires_at">, nowMs: number): ApprovalStatus {
  const open = row.status === "pending" || row.status === "approved";
  return open && row.expires_at.getTime() <= nowMs ? "expired" : row.status;
}

export function approvalView(row: ApprovalRow, nowMs: number): ApprovalView {
  return {
    id: row.id,
    tool: row.tool,
    agent: row.agent,
    summary: row.summary,
    arguments: row.args,
    ...(row.amount_cents !== null && { amount: Number(row.amount_cents) }),
    status: statusAt(row, nowMs),
    expires: row.expires_at.toISOString(),
    created: row.created_at.toISOString(),
    ...(row.conversation_id !== null && { conversation_id: row.conversation_id }),
    ...(row.because !== null && { because: row.because }),
  };
}
