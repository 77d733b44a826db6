/**
 * Approvals: when a call must wait for a person's yes, and what that yes is bound to.
 *
 * Guarantees: the answer "needs approval" depends on the tool's effect and on the context's integrity, never
 * on the arguments (SR-06); an absent integrity counts as untrusted. Digests are SHA-256 over RFC 8785 JSON,
 * so that one argument or one row version more or less makes another digest (SR-15).
 * Does not: decide. A person does, in a first-party session, at the authority (SR-05).
 */
import { createHash } from "node:crypto";
import { canonical } from "@deputize/audit";
import type { Caller, Effect, PrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";

/** What will happen, computed by the tool from the caller's own rows. */
export interface Preview {
  /** One sentence that a person decides on. */
  readonly summary: string;
  readonly amountCents?: number;
  /** Versions of the rows that the sentence rests on; one that moves asks for a new approval. */
  readonly rows?: Readonly<Record<string, string | number>>;
}

export interface ApprovalRequest {
  readonly callId: string;
  readonly tool: string;
  /** The principal whose hands are on the keys. */
  readonly agent: PrincipalId;
  readonly args: Readonly<Record<string, unknown>>;
  readonly argsDigest: string;
  readonly preview: Preview;
  readonly previewDigest: string;
  readonly summary: string;
  readonly amountCents?: number;
  readonly ttlSeconds: number;
  readonly runId?: string;
  readonly conversationId?: string;
  /** Where each argument came from, as the agent says; explains the card and never waives it. */
  readonly argumentSources?: Readonly<Record<string, string>>;
}

export interface ApprovalUse {
  readonly approvalId: string;
  readonly callId: string;
  readonly tool: string;
  readonly argsDigest: string;
  readonly previewDigest: string;
}

/** What was kept of a request; the card that a person sees is made of it. */
export interface PendingApproval {
  readonly id: string;
  readonly expiresAt: Date | string;
  /** When it was first asked for; now, where the authority does not say. */
  readonly createdAt?: Date | string;
  /** The arguments as the authority keeps and shows them; those of the call unless given. */
  readonly arguments?: readonly { readonly name: string; readonly value: unknown; readonly source: string }[];
}

/** The authority's side of approvals, as a tool server uses it. */
export interface ApprovalGate {
  /** Asks for a person's yes. Returns the pending approval. */
  request(caller: Caller, request: ApprovalRequest): Promise<PendingApproval>;
  /**
   * Spends an approval inside the transaction of the effect. Throws `approval_invalid` when it is not approved,
   * expired, spent, another's, or bound to other digests; `approval_changed` if it can tell the last apart.
   */
  consume(tx: Queryable, caller: Caller, use: ApprovalUse): Promise<void>;
  /**
   * True while a person's yes still stands unspent. With it a server tells a changed call, which gets a new
   * card, from an approval that was refused, has expired or was spent.
   */
  stillApproved?(caller: Caller, approvalId: string): Promise<boolean>;
}

/** The integrity of the context that a call came from, as the agent reports it. */
export type ContextIntegrity = "trusted" | "untrusted";

/** Whether a call must wait for a person. */
export function needsApproval(
  effect: Effect,
  exempt: string | undefined,
  context: ContextIntegrity,
): boolean {
  if (effect === "read" || exempt !== undefined) return false;
  return effect === "sensitive" || context !== "trusted";
}

/** SHA-256 over the RFC 8785 form, as lower-case hex. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonical(value), "utf8").digest("hex");
}

/** The digest that an approval is bound to: tool, preview and row versions. */
export function previewDigestOf(tool: string, preview: Preview): string {
  return digestOf({
    tool,
    summary: preview.summary,
    amount: preview.amountCents ?? null,
    rows: preview.rows ?? {},
  });
}
