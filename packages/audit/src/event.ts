/**
 * What rooms say to the log: one event a step, who did what for whom, why, and how it ended.
 *
 * Guarantees: an event that passes is bounded, and its `action`, `outcome` and `reason` are codes, which is
 * why those alone may stand readable in a leaf. Everything else is committed to under a salt [SR-24].
 * Does not: redact. `args` and `detail` come already free of secrets.
 */
import {
  type Caller,
  DeputizeError,
  type GrantId,
  type PrincipalId,
  currentContext,
  isUuid,
} from "@deputize/core";
import { z } from "zod";

export const OUTCOMES = ["allowed", "refused", "failed", "info"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface AuditEvent {
  /** A code such as `tool.call` or `grant.revoked`: letters, digits and `_ . : / -`. Never personal. */
  readonly action: string;
  readonly outcome: Outcome;
  /** Why it was refused or failed, as a code such as `insufficient_scope`. Free text belongs in `detail`. */
  readonly reason?: string;
  readonly tenant: string;
  readonly subject?: PrincipalId;
  /** Who acted, the current actor first. */
  readonly actors?: readonly PrincipalId[];
  /** What the actor is called outside, such as a worker's SPIFFE id; 512 characters at most. Erased with its entry. */
  readonly agent?: string;
  /** Whose worker it was. */
  readonly app?: PrincipalId;
  /** Persons whom the entry speaks of besides the subject, so that erasing them finds it. */
  readonly about?: readonly PrincipalId[];
  readonly grant?: GrantId;
  /** Grant ids from the root to the one in use. */
  readonly grants?: readonly GrantId[];
  /** 512 characters at most; so is `orchestration`. */
  readonly task?: string;
  readonly orchestration?: string;
  readonly resource?: string;
  /** Already redacted. */
  readonly args?: unknown;
  readonly approval?: string;
  readonly case?: { readonly id: string; readonly purpose: string };
  readonly requestId?: string;
  readonly durationMs?: number;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export const EVENT_LIMITS = {
  /** An entry is read whole by whoever verifies the log; a caller cannot make that costly. The migration checks it too. */
  bytes: 65_536,
  /** Of `agent`, `task` and `orchestration`. */
  nameCharacters: 512,
} as const;

const principalId = z.custom<PrincipalId>(isUuid, "is a lower-case UUID");
const grantId = z.custom<GrantId>(isUuid, "is a lower-case UUID");
const text = z.string().max(2_000);
/** What an index holds and a query can ask for. */
const name = z.string().max(EVENT_LIMITS.nameCharacters);

const EVENT = z.strictObject({
  action: z.string().regex(/^[A-Za-z0-9_.:/-]{1,120}$/),
  outcome: z.enum(OUTCOMES),
  reason: z
    .string()
    .regex(/^[a-z][a-z0-9_.]{0,63}$/)
    .optional(),
  tenant: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
  subject: principalId.optional(),
  actors: z.array(principalId).max(16).optional(),
  agent: name.optional(),
  app: principalId.optional(),
  about: z.array(principalId).max(64).optional(),
  grant: grantId.optional(),
  grants: z.array(grantId).max(16).optional(),
  task: name.optional(),
  orchestration: name.optional(),
  resource: text.optional(),
  args: z.unknown().optional(),
  approval: text.optional(),
  case: z.strictObject({ id: text, purpose: text }).optional(),
  requestId: text.optional(),
  durationMs: z.number().min(0).optional(),
  detail: z.record(z.string(), z.unknown()).optional(),
});

/** What a room adds to the caller: everything but who, and what it knows better than the caller. */
export type EventRest = Omit<AuditEvent, "tenant" | "subject" | "actors" | "grant" | "grants">;

/** An event with who and why filled in: subject, actors, tenant, grants and task of the caller, and the request's id. */
export function auditEvent(caller: Caller, rest: EventRest): AuditEvent {
  const grant = caller.grants.at(-1);
  const requestId = currentContext()?.requestId;
  return {
    tenant: caller.tenant,
    subject: caller.subject,
    actors: caller.actors,
    ...(grant !== undefined && { grant, grants: caller.grants }),
    ...(caller.task !== undefined && { task: caller.task }),
    ...(requestId !== undefined && { requestId }),
    ...rest,
  };
}

/** Reads an event that was submitted. Throws zod's error. */
export function parseEvent(value: unknown): AuditEvent {
  return EVENT.parse(value) as unknown as AuditEvent;
}

/**
 * Checks an event and writes it as JSON, the form in which it enters the outbox. Its leaf is canonical; this need not be.
 * Throws `audit_unavailable`: an event that cannot be logged must stop the effect that it belongs to.
 */
export function encodeEvent(event: AuditEvent): string {
  const parsed = EVENT.safeParse(event);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join(".") || "event");
    throw new DeputizeError("audit_unavailable", "the audit event is malformed; see `fields`", {
      detail: { fields: [...new Set(fields)] },
      cause: parsed.error,
    });
  }
  let encoded: string;
  try {
    encoded = JSON.stringify(withoutNul(parsed.data));
  } catch (cause) {
    throw new DeputizeError("audit_unavailable", "the audit event has no JSON form; pass plain values", {
      cause,
    });
  }
  if (Buffer.byteLength(encoded) > EVENT_LIMITS.bytes) {
    throw new DeputizeError(
      "audit_unavailable",
      "the audit event is too large; shorten its arguments or detail",
    );
  }
  return encoded;
}

/** jsonb cannot hold U+0000, and lone surrogates have no UTF-8: both become U+FFFD, so that hostile text is still logged. */
function withoutNul(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\u0000", "\uFFFD");
  if (Array.isArray(value)) return value.map(withoutNul);
  if (typeof value !== "object" || value === null) return finite(value);
  if ("toJSON" in value && typeof value.toJSON === "function") return withoutNul(value.toJSON());
  const plain: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== undefined) plain.push([withoutNul(key) as string, withoutNul(inner)]);
  }
  // Unlike an assignment, this makes a field of a key such as `__proto__`.
  return Object.fromEntries(plain);
}

function finite(value: unknown): unknown {
  return typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))
    ? String(value)
    : value;
}
