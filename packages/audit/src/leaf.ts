/**
 * Makes a leaf of what was submitted: readable codes, and salted commitments to everything else [SR-24].
 *
 * Guarantees: a leaf says its own place (`seq`) and the hash of the leaf before it (`prev`), so a leaf fits
 * nowhere else. Whatever stands in the outbox becomes a leaf: an event that this code cannot read is committed
 * to as text, so that nothing hostile stops the log and nothing committed is lost.
 */
import { hash, randomBytes } from "node:crypto";
import { isUuid } from "@deputize/core";
import { canonical } from "./canonical.ts";
import { SALT_BYTES, commitmentInputOf } from "./commitment.ts";
import { type AuditEvent, parseEvent } from "./event.ts";
import type { EntryMac } from "./mac.ts";
import { OPENING_FIELDS, type OpeningField, type Openings } from "./receipt-shape.ts";

const LEAF_VERSION = 1;

/** The fields as canonical JSON orders them. */
const BODY_ORDER = OPENING_FIELDS.toSorted();

/** What the outbox holds. */
export interface Submission {
  readonly id: string;
  /** JSON text. */
  readonly event: string;
  readonly sealed: boolean;
  /** RFC 3339 in milliseconds, UTC. */
  readonly at: string;
}

export interface NewEntry {
  readonly action: string;
  readonly leaf: string;
  readonly openings: Openings;
  /** The openings as canonical JSON. */
  readonly body: string;
  readonly tenant: string;
  readonly subject: string | undefined;
  readonly about: readonly string[];
}

export interface Place {
  readonly seq: number;
  /** Leaf hash of the entry before, hex. */
  readonly prev: string;
  /** Set when another entry already has the submission's id; then `id` is a new one. */
  readonly duplicateOf?: string;
}

/** Makes the entry for `place`, with its code when the log has a secret. Never throws for what a submission holds. */
export function makeEntry(submission: Submission, place: Place, mac?: EntryMac): NewEntry {
  const { event, values, texts } = readSubmitted(submission.event, place.duplicateOf);
  const openings: Openings = {};
  const commitments: Record<string, string> = {};
  const body: Partial<Record<OpeningField, string>> = {};
  // One draw for all salts of an entry: a draw costs more than a hash.
  const salts = randomBytes(SALT_BYTES * OPENING_FIELDS.length);
  for (const [n, field] of OPENING_FIELDS.entries()) {
    const text = texts[field];
    if (text === undefined) continue;
    const salt = salts.subarray(n * SALT_BYTES, (n + 1) * SALT_BYTES);
    const hex = salt.toString("hex");
    openings[field] = { salt: hex, value: values[field] };
    commitments[field] = hash("sha256", commitmentInputOf(salt, field, text), "hex");
    body[field] = `"${field}":{"salt":"${hex}","value":${text}}`;
  }
  const fields = {
    v: LEAF_VERSION,
    seq: place.seq,
    prev: place.prev,
    id: submission.id,
    at: submission.at,
    sealed: submission.sealed,
    tenant: event.tenant,
    action: event.action,
    outcome: event.outcome,
    ...(event.reason !== undefined && { reason: event.reason }),
    commitments,
  };
  const leaf = canonical(mac ? { ...fields, mac: mac(canonical(fields)) } : fields);
  const { action, tenant, subject, about = [] } = event;
  return {
    action,
    leaf,
    openings,
    body: `{${BODY_ORDER.flatMap((field) => body[field] ?? []).join(",")}}`,
    tenant,
    subject,
    about,
  };
}

type PrivateParts = Partial<Record<OpeningField, Record<string, unknown>>>;

/** Who, why, what and detail of an event: everything but its codes. */
export function privateParts(event: AuditEvent): PrivateParts {
  const { subject, actors, agent, app, about, grant, grants, task, orchestration } = event;
  const { approval, case: openCase, requestId, resource, args, durationMs, detail } = event;
  return {
    ...part("who", { subject, actors: actors?.length ? actors : undefined, agent }),
    ...part("why", { grant, grants, app, task, orchestration, approval, case: openCase, request: requestId }),
    ...part("what", { resource, args, ms: durationMs, about: about?.length ? about : undefined }),
    ...part("detail", detail ?? {}),
  };
}

function part(field: OpeningField, values: Record<string, unknown>): PrivateParts {
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return present.length === 0 ? {} : { [field]: Object.fromEntries(present) };
}

function withDuplicate(parts: PrivateParts, id: string): PrivateParts {
  return { ...parts, detail: { ...parts.detail, duplicate_of: id } };
}

/** The event as submitted, or, where it is not one, its codes and stamps and its whole text under `detail`. */
export function readEvent(text: string): AuditEvent {
  return readSubmitted(text).event;
}

interface Submitted {
  readonly event: AuditEvent;
  readonly values: PrivateParts;
  /** The values as canonical JSON. */
  readonly texts: Partial<Record<OpeningField, string>>;
}

function readSubmitted(text: string, duplicateOf?: string): Submitted {
  let value: unknown;
  try {
    value = JSON.parse(text);
    // Refuses numbers such as 1e999 too, which JSON can hold and no number can.
    return withParts(parseEvent(value), duplicateOf);
  } catch {
    return withParts(salvage(value, text), duplicateOf);
  }
}

/** Writes each part once: its commitment and its opening hold the same text. */
function withParts(event: AuditEvent, duplicateOf: string | undefined): Submitted {
  const parts = privateParts(event);
  const values = duplicateOf === undefined ? parts : withDuplicate(parts, duplicateOf);
  const texts = Object.fromEntries(Object.entries(values).map(([field, part]) => [field, canonical(part)]));
  return { event, values, texts };
}

function salvage(value: unknown, text: string): AuditEvent {
  const raw = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  // The outbox's CHECK has seen to these three.
  const codes = { action: raw["action"], outcome: raw["outcome"], tenant: raw["tenant"] } as AuditEvent;
  const { subject, actors, grant, grants } = raw;
  const uuids = (list: unknown) => (Array.isArray(list) ? list.filter(isUuid).slice(0, 16) : undefined);
  return {
    ...codes,
    ...(isUuid(subject) && { subject }),
    ...(uuids(actors) && { actors: uuids(actors) }),
    ...(isUuid(grant) && { grant, grants: uuids(grants) ?? [] }),
    detail: { unreadable: text },
  } as unknown as AuditEvent;
}
