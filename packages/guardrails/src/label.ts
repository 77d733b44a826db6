/**
 * Information-flow labels: where a value came from, and who may read it.
 *
 * A label is a point in the product of two small lattices. Integrity: `trusted` below `untrusted`; mixing
 * goes up, so one untrusted part makes the whole untrusted. Readers: `public` below every set of
 * principals, a set below its subsets; mixing intersects, so the mix may be read only by whoever may read
 * every part. `joinLabels` is the least upper bound of both, hence associative, commutative and idempotent,
 * and a run can join labels in any order as content enters its context.
 *
 * The model of integrity and confidentiality labels on what an agent reads is that of FIDES
 * (arXiv 2505.23643); keeping sources and readers beside each value follows CaMeL (arXiv 2503.18813).
 *
 * Guarantees: a missing or malformed label reads as `UNKNOWN_LABEL`, untrusted and readable by nobody, so
 * that losing a label never raises trust [SR-07].
 * Does not: decide anything. Tool servers hold a call against the label; the label only describes.
 */
import { type PrincipalId, isUuid } from "@deputize/core";

export type Integrity = "trusted" | "untrusted";
export type Readers = "public" | readonly PrincipalId[];

export interface Label {
  readonly integrity: Integrity;
  readonly readers: Readers;
  /** For people: where the value came from, such as `tool:search_products`. No decision rests on it. */
  readonly source: string;
}

/** The label of anything that came without one: untrusted, readable by nobody. */
export const UNKNOWN_LABEL: Label = Object.freeze({
  integrity: "untrusted",
  readers: Object.freeze([]),
  source: "unknown",
});

/** What a join starts from: an empty context, which constrains nothing. */
export const EMPTY_LABEL: Label = Object.freeze({ integrity: "trusted", readers: "public", source: "" });

/** A source is cut here, so that labels that are joined and stored for years stay small. */
const SOURCE_MAX = 200;
const MANY = "many";

/** Sources as a sorted set, so that joining in any order gives the same text. */
function joinSources(labels: readonly Label[]): string {
  const parts = new Set(labels.flatMap((label) => label.source.split(" + ")).filter((part) => part !== ""));
  const joined = [...parts].sort().join(" + ");
  return parts.has(MANY) || joined.length > SOURCE_MAX ? MANY : joined;
}

function joinReaders(a: Readers, b: Readers): Readers {
  if (a === "public") return b === "public" ? b : [...new Set(b)].sort();
  if (b === "public") return [...new Set(a)].sort();
  const allowed = new Set(b);
  return [...new Set(a)].filter((reader) => allowed.has(reader)).sort();
}

/** The label of a mix of values: untrusted wins, readers intersect. Of nothing: `EMPTY_LABEL`. */
export function joinLabels(...labels: readonly Label[]): Label {
  return {
    integrity: labels.some((label) => label.integrity !== "trusted") ? "untrusted" : "trusted",
    readers: labels.reduce<Readers>((readers, label) => joinReaders(readers, label.readers), "public"),
    source: joinSources(labels),
  };
}

/** True when whoever may read `b` may read `a`, and `b` is no more trusted than `a`: information may flow from a to b. */
export function labelFlowsTo(a: Label, b: Label): boolean {
  if (a.integrity === "untrusted" && b.integrity === "trusted") return false;
  if (a.readers === "public") return true;
  if (b.readers === "public") return false;
  const allowed = new Set(a.readers);
  return b.readers.every((reader) => allowed.has(reader));
}

/** Trusted and readable by one principal: the person's own words, or rows that only they write. */
export function privateLabel(reader: PrincipalId, source: string): Label {
  return { integrity: "trusted", readers: [reader], source };
}

/**
 * Reads a label from outside: a stored row, a tool result's `_meta`, an A2A part. Anything missing,
 * malformed or with members it should not have is `UNKNOWN_LABEL`; it never throws.
 */
export function parseLabel(input: unknown): Label {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return UNKNOWN_LABEL;
  const { integrity, readers, source, ...rest } = input as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return UNKNOWN_LABEL;
  if (integrity !== "trusted" && integrity !== "untrusted") return UNKNOWN_LABEL;
  if (typeof source !== "string" || source.length > SOURCE_MAX) return UNKNOWN_LABEL;
  if (readers === "public") return { integrity, readers, source };
  if (!Array.isArray(readers) || !readers.every(isUuid)) return UNKNOWN_LABEL;
  return { integrity, readers: readers as PrincipalId[], source };
}
