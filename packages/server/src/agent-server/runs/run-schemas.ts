/** The bodies and answers of runs and approvals. */
import { z } from "zod";
import { ThreadId, conversationId } from "../threads/schemas.ts";
import { RUN_STATUSES, type StoredRun } from "./run.ts";

/** As threads are named everywhere: what is no UUID is a name of its owner's. */
const ThreadName = ThreadId.transform(conversationId);

export const RunBody = z.strictObject({
  agent: z.string().min(1).max(64).optional().describe("The server's first agent unless named"),
  thread_id: ThreadName.optional().describe("A new thread unless named"),
  message: z.string().trim().min(1).max(100_000),
});
export type RunBody = z.output<typeof RunBody>;

export const AttachedRunBody = RunBody.extend({
  on_disconnect: z
    .enum(["continue", "cancel"])
    .default("continue")
    .describe("What becomes of the run when the client leaves before its end"),
});

export const RunParams = z.strictObject({ run_id: z.string().max(64) });

export const ListQuery = z.strictObject({
  agent: z.string().max(64).optional(),
  thread_id: ThreadName.optional(),
  status: z.enum(RUN_STATUSES).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.uuid().lowercase().optional(),
});

export const StreamQuery = z.strictObject({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe("The id of the last event that is known; as the header `Last-Event-ID`"),
});
export const WaitQuery = z.strictObject({
  timeout_seconds: z.coerce.number().int().min(0).max(60).default(30),
});

export const RunAnswer = z.object({
  run_id: z.uuid(),
  thread_id: z.uuid(),
  agent: z.string(),
  status: z.enum(RUN_STATUSES),
  background: z.boolean(),
  /** Its owner wants it to end, and it has not yet. */
  cancelling: z.boolean(),
  created_at: z.string(),
  ended_at: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  approval_id: z.string().optional(),
  message_id: z.string().optional(),
  last_event_id: z.number().int(),
});
export type RunAnswer = z.infer<typeof RunAnswer>;

export const RunListAnswer = z.object({ runs: z.array(RunAnswer), next: z.string().optional() });
export type WaitAnswer = RunAnswer & { readonly message?: { id: string; role: string; content: string } };
export const WaitAnswer = RunAnswer.extend({
  message: z
    .object({ id: z.string(), role: z.string(), content: z.string() })
    .optional()
    .describe("What the agent said at the end"),
});

export const ApprovalAnswer = z.object({
  id: z.string(),
  agent: z.string(),
  server: z.string().optional(),
  tool: z.string().optional(),
  arguments: z.array(z.object({ name: z.string(), value: z.unknown(), source: z.string() })),
  integrity: z.enum(["trusted", "untrusted"]).optional(),
  thread_id: z.string(),
  run_id: z.string().optional(),
  decided_by: z.enum(["server", "authority"]),
  created_at: z.string(),
  expires_at: z.string().optional(),
});
export type ApprovalAnswer = z.infer<typeof ApprovalAnswer>;
export const ApprovalListAnswer = z.object({ approvals: z.array(ApprovalAnswer) });
export const ApprovalParams = z.strictObject({ approval_id: z.string().min(1).max(100) });
export const DecideBody = z.strictObject({ decision: z.enum(["approve", "refuse"]) });
export const DecideAnswer = z.object({
  approval_id: z.string(),
  decision: z.enum(["approve", "refuse"]),
  run: RunAnswer.optional(),
});

/** A run as its owner is shown it. */
export function shownRun(run: StoredRun): RunAnswer {
  const at = (ms: number): string => new Date(ms).toISOString();
  return {
    run_id: run.id,
    thread_id: run.threadId,
    agent: run.agent,
    status: run.status,
    background: run.background,
    cancelling: run.status === "running" && run.cancelRequested,
    created_at: at(run.created),
    last_event_id: run.lastSeq,
    ...(run.ended !== undefined && { ended_at: at(run.ended) }),
    ...(run.fault && { error: run.fault }),
    ...(run.approvalId !== undefined && { approval_id: run.approvalId }),
    ...(run.messageId !== undefined && { message_id: run.messageId }),
  };
}
