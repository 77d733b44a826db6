/** What holds for every provider: what may be kept, who sees what, and with which label. */
import { type Caller, DeputizeError, newId } from "@deputize/core";
import { type Label, UNKNOWN_LABEL, joinLabels, privateLabel } from "@deputize/guardrails/flow";
import { storableText } from "../conversations/jsonb.ts";
import { type Memory, MemoryIsolationError, type NewMemory } from "./memory-provider.ts";

export const MEMORY_CHARS = 4_000;
const TTL_MAX_MS = 10 * 365 * 86_400_000;
const EXPLICIT = { act: "explicit" } as const;

/** A memory as it is stored. Throws `validation_failed` and `MemoryIsolationError`. */
export function newMemory(
  caller: Caller,
  input: NewMemory,
  provider: { readonly shared: boolean },
  nowMs: number,
): Memory {
  const { origin = EXPLICIT, shared = false, ttlMs } = input;
  const text = memoryText(input.text);
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0 && ttlMs <= TTL_MAX_MS)) {
    throw new DeputizeError(
      "validation_failed",
      "`ttlMs` is a whole number of milliseconds, ten years at most",
      {
        detail: { field: "ttlMs" },
      },
    );
  }
  const label =
    input.label ?? (caller.actors.length === 0 ? privateLabel(caller.subject, "person") : UNKNOWN_LABEL);
  if (shared) mustBeShareable(caller, { origin, label }, provider);
  const now = new Date(nowMs).toISOString();
  return {
    id: newId(),
    text,
    label,
    origin,
    shared,
    created: now,
    updated: now,
    ...(ttlMs !== undefined && { expires: new Date(nowMs + ttlMs).toISOString() }),
  };
}

/** Text as any store takes it. Throws `validation_failed`. */
export function memoryText(input: string): string {
  const text = storableText(input).trim();
  if (text === "" || text.length > MEMORY_CHARS) {
    throw new DeputizeError("validation_failed", `a memory has 1 to ${MEMORY_CHARS} characters`, {
      detail: { field: "text" },
    });
  }
  return text;
}

function mustBeShareable(
  caller: Caller,
  { origin, label }: Pick<Memory, "origin" | "label">,
  provider: { readonly shared: boolean },
): void {
  if (!provider.shared) {
    throw new MemoryIsolationError(
      "memories are kept per person here; sharing needs `shared: true` in the options",
    );
  }
  if (origin.act !== "explicit" || caller.actors.length > 0) {
    throw new MemoryIsolationError("only a person shares a memory, by an act of their own");
  }
  if (!readableBy(label, caller)) throw new MemoryIsolationError("this may not be read by whoever shares it");
}

/** Whether what has this label may be kept for the caller: what nobody may read is not handed to anybody later. */
export function readableBy({ readers }: Label, { subject }: Pick<Caller, "subject">): boolean {
  return readers === "public" || readers.includes(subject);
}

/** What somebody shared, as others have it: somebody else's text [SR-07]. */
export const SHARED_LABEL: Label = Object.freeze({
  integrity: "untrusted",
  readers: "public",
  source: "shared memory",
});

/** Of a memory whose text the caller replaced. */
export function correctedLabel(before: Label, caller: Caller): Label {
  return joinLabels(
    before,
    caller.actors.length === 0 ? privateLabel(caller.subject, "person") : UNKNOWN_LABEL,
  );
}

export function isPresent({ expires }: Pick<Memory, "expires">, nowMs: number): boolean {
  return expires === undefined || Date.parse(expires) > nowMs;
}
