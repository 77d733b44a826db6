/**
 * Approvals: what a person is asked, and what their yes is bound to. Whether they are asked, call-flow.ts says.
 *
 * Guarantees: digests are SHA-256 over RFC 8785 JSON, so that one argument or one row version more or less makes another digest
 * (SR-15).
 * Does not: decide. A person does, in a first-party session, at the authority (SR-05).
 */
import { createHash } from "node:crypto";
import { canonical } from "@deputize/audit";
import type { Caller, PrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { CardReason } from "./call-flow.ts";

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
  /** Why a person is asked, in words and with where each value came from. */
  readonly because?: readonly CardReason[];
}

export interface ApprovalUse {
  readonly approvalId: string;
  readonly callId: string;
  readonly tool: string;
  readonly argsDigest: string;
  readonly previewDigest: string;
  /** The run that asked, where there was one: a yes serves no other. */
  readonly runId?: string;
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
   * Whether `consume` would spend it now, read only. A server asks before a handler begins, which may do things outside of the
   * transaction of its effect; without it a yes for another call is refused no sooner than there.
   */
  fits?(caller: Caller, use: ApprovalUse): Promise<boolean>;
  /**
   * True while a person's yes still stands unspent. With it a server tells a changed call, which gets a new
   * card, from an approval that was refused, has expired or was spent; and a call that comes with such a one begins no handler.
   */
  stillApproved?(caller: Caller, approvalId: string): Promise<boolean>;
}

/** SHA-256 over the RFC 8785 form, as lower-case hex. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonical(value), "utf8").digest("hex");
}

/**
 * The digest of a call's arguments: of their values as the tool's schema made them and, where the schema made something that JSON
 * cannot say (a Set, a Map, a Date), of what came in as well, since those would all look alike.
 */
export function argumentsDigest(came: unknown, values: unknown): string {
  return digestOf(isJson(values) ? values : { came, values });
}

function isJson(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value !== undefined && typeof value !== "function";
  if (Array.isArray(value)) return value.every(isJson);
  const shape: unknown = Object.getPrototypeOf(value);
  return (shape === Object.prototype || shape === null) && Object.values(value).every(isJson);
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
