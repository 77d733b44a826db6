/**
 * What a tool server needs of an audit log, and what of a call's arguments may enter it.
 *
 * Guarantees: secrets are masked by name, long text is cut, and depth and number are bounded.
 * Does not: keep anything with `memoryAudit`; that one is for trying things out.
 */
import type { AuditEvent, AuditLog } from "@deputize/audit";
import { type Clock, newId, systemClock } from "@deputize/core";

/** The part of the audit log that a tool server needs: any of `auditLog`, `createAuditLog`, `memoryAudit`. */
export interface AuditSink extends Pick<AuditLog, "record" | "append"> {
  /** False for a log in a file: its entries cannot commit with a database's rows, so no tool that writes may use it. */
  readonly transactional?: boolean;
  /** Asked by `health()`: rejects while the log cannot be read. */
  checkpoint?(): Promise<unknown>;
  /** Asked by `health()`: throws once the log is damaged. */
  announce?(): void;
}

export interface MemoryAudit extends AuditSink {
  readonly entries: readonly (AuditEvent & { readonly id: string })[];
}

/** Keeps the newest entries in memory, without proofs: for samples and tests only. */
export function memoryAudit(options: { readonly limit?: number; readonly clock?: Clock } = {}): MemoryAudit {
  const { limit = 10_000, clock = systemClock } = options;
  const entries: (AuditEvent & { id: string })[] = [];
  const append = async (event: AuditEvent): Promise<string> => {
    const id = newId(clock);
    entries.push({ ...event, id });
    if (entries.length > limit) entries.shift();
    return id;
  };
  return { entries, append, record: (_tx, event) => append(event) };
}

/** Names whose values are secrets more often than not. */
const SECRET_NAME =
  /pass(word|phrase|code)|secret|token|api[-_]?key|authorization|cookie|cvv|cvc|card[-_]?number|iban|ssn|pin$/i;
/** What stands in the place of a secret. */
export const MASK = "[redacted]";
/** True for the name of a field that holds a secret more often than not. */
export const looksSecret = (name: string): boolean => SECRET_NAME.test(name);
const MAX_STRING = 256;
const MAX_ITEMS = 20;
const MAX_DEPTH = 5;

/** Arguments as the log may keep them: secrets masked, long text cut, bounded in depth and number. */
export function redactArguments(args: unknown, redact: readonly string[], depth = 0): unknown {
  if (typeof args === "string") return args.length > MAX_STRING ? `${args.slice(0, MAX_STRING)}…` : args;
  if (typeof args !== "object" || args === null) return args;
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(args))
    return args.slice(0, MAX_ITEMS).map((item) => redactArguments(item, redact, depth + 1));
  return Object.fromEntries(
    Object.entries(args)
      .slice(0, MAX_ITEMS)
      .map(([name, value]) => [
        name.slice(0, 64),
        redact.includes(name) || looksSecret(name) ? MASK : redactArguments(value, redact, depth + 1),
      ]),
  );
}
