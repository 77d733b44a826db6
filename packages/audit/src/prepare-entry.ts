/**
 * Entries for rooms whose effect is one SQL function: checked and encoded here, submitted by that function through
 * `audit.submit_many`, in its own transaction. The effect and its entry need no trip of their own then.
 */
import { type Clock, newId } from "@deputize/core";
import { type AuditEvent, encodeEvent } from "./event.ts";

export interface PreparedEntry {
  readonly id: string;
  /** What `audit.submit_many` takes for this entry: `{"id", "event"}` as JSON text. */
  readonly json: string;
}

/**
 * Checks an event and gives it its id. Call `announce` of the log before it is submitted. Throws `audit_unavailable`:
 * an event that cannot be logged must stop its effect.
 */
export function prepareEntry(event: AuditEvent, clock: Clock): PreparedEntry {
  const id = newId(clock);
  return { id, json: `{"id":"${id}","event":${encodeEvent(event)}}` };
}
