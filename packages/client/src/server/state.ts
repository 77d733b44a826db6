/** The state of a thread, as agents and clients see it. */
import { type Json, isRecord, record } from "./guards.ts";

export interface ThreadState {
  readonly state: Json;
  /** Of this state; give it back when writing, and a writer in between is noticed. */
  readonly version?: number | string;
}

export function readState(data: unknown): ThreadState {
  const whole = record(data, "state");
  const { version } = whole;
  return {
    state: isRecord(whole["state"]) ? whole["state"] : {},
    ...((typeof version === "number" || typeof version === "string") && { version }),
  };
}
