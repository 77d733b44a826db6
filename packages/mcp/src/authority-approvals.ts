/**
 * Joins the tool servers' idea of an approval to the authority's.
 *
 * Guarantees: a card shows every argument of the exact call, each with where its value came from; a source that the agent
 * did not name is "other", which explains least and promises nothing [SR-06]. Digests pass through unchanged.
 */
import type { Caller, PrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { ApprovalGate, ApprovalRequest, ApprovalUse } from "./approval.ts";
import type { CardReason } from "./call-flow.ts";

const SOURCES = ["you", "your data"] as const;
const MAX_SHOWN = 2_000;

/** What is used of the authority. `authority.approvals` fits. */
export interface AuthorityApprovals {
  request(
    caller: Caller,
    request: {
      readonly callId: string;
      readonly tool: string;
      readonly agent: string;
      readonly args: { name: string; value: string; source: "you" | "your data" | "other" }[];
      readonly argsDigest: string;
      readonly preview: never;
      readonly previewDigest: string;
      readonly summary: string;
      readonly ttlSeconds: number;
      readonly kind?: "owner" | "staff";
      readonly amountCents?: number;
      readonly runId?: string;
      readonly conversationId?: string;
      readonly because?: CardReason[];
    },
  ): Promise<{
    readonly view: {
      readonly id: string;
      readonly expires: string;
      readonly created: string;
      readonly arguments: readonly {
        readonly name: string;
        readonly value: unknown;
        readonly source: string;
      }[];
    };
  }>;
  consume(tx: Queryable, caller: Caller, use: ApprovalUse): Promise<void>;
  fits(caller: Caller, use: ApprovalUse): Promise<boolean>;
  get(caller: Caller, id: string): Promise<{ readonly status: string }>;
}

export interface AuthorityApprovalsOptions {
  /** What the card calls who acts; `an agent of yours` where it says nothing. */
  readonly nameOf?: (agent: PrincipalId, caller: Caller) => string | undefined;
  /** Who decides: the person it is for, unless told, or staff other than that person. */
  readonly decidedBy?: (caller: Caller, request: ApprovalRequest) => "owner" | "staff";
}

/** The gate of a tool server whose approvals are the authority's. */
export function authorityApprovals(
  approvals: AuthorityApprovals,
  { nameOf, decidedBy }: AuthorityApprovalsOptions = {},
): ApprovalGate {
  return {
    async request(caller, request) {
      const { view } = await approvals.request(caller, {
        callId: request.callId,
        tool: request.tool,
        agent: nameOf?.(request.agent, caller) ?? "an agent of yours",
        args: Object.entries(request.args).map(([name, value]) => ({
          name,
          value: shown(value),
          source: SOURCES.find((source) => source === request.argumentSources?.[name]) ?? "other",
        })),
        argsDigest: request.argsDigest,
        preview: request.preview as never,
        previewDigest: request.previewDigest,
        summary: request.summary,
        ttlSeconds: request.ttlSeconds,
        ...(decidedBy && { kind: decidedBy(caller, request) }),
        ...(request.amountCents !== undefined && { amountCents: request.amountCents }),
        ...(request.runId !== undefined && { runId: request.runId }),
        ...(request.conversationId !== undefined && { conversationId: request.conversationId }),
        ...(request.because && { because: request.because.slice(0, 8) }),
      });
      return { id: view.id, expiresAt: view.expires, createdAt: view.created, arguments: view.arguments };
    },
    consume: (tx, caller, use) => approvals.consume(tx, caller, use),
    fits: (caller, use) => approvals.fits(caller, use),
    stillApproved: async (caller, approvalId) =>
      (await approvals.get(caller, approvalId)).status === "approved",
  };
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  // Nobody should take the beginning for the whole.
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}
