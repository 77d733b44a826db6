/** What runs tell, read from what a server sent. */
import { type Json, idOf, isRecord, numberOf, record, recordsOf, textOf, textsOf } from "./guards.ts";

const RUN_STATUSES = ["queued", "running", "waiting", "succeeded", "failed", "cancelled"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export interface RunFault {
  readonly code: string;
  readonly message: string;
}

/** One turn of an agent on a thread. */
export interface Run {
  readonly run_id: string;
  readonly thread_id: string;
  readonly agent: string;
  readonly status: RunStatus;
  readonly created_at: string | null;
  readonly ended_at: string | null;
  /** What it waits for a person to decide. */
  readonly approval_id: string | null;
  readonly error: RunFault | null;
  readonly message_id: string | null;
  /** The number of its last event so far. */
  readonly last_event: number;
}

/** One call of a tool. */
export interface Step {
  readonly call_id: string;
  readonly agent: string;
  readonly tool: string;
  readonly status: "running" | "done" | "refused" | "waiting" | "failed";
  readonly ms: number | null;
  /** Of its entry in the log. */
  readonly entry_id: string | null;
}

export interface ApprovalArgument {
  readonly name: string;
  readonly value: unknown;
  /** Where the value comes from; it explains, and waives nothing. */
  readonly source: string;
}

/** A call that waits for a person's yes. */
export interface Approval {
  readonly id: string;
  readonly tool: string;
  readonly agent: string;
  readonly summary: string;
  readonly arguments: readonly ApprovalArgument[];
  /** Of money, in cents. */
  readonly amount: number | null;
  readonly status: string;
  /** What the call rests on: `untrusted` where others' words are part of it. */
  readonly integrity: string | null;
  readonly created_at: string | null;
  readonly expires_at: string | null;
  readonly thread_id: string | null;
  readonly run_id: string | null;
}

export interface Usage {
  readonly agents_involved: readonly string[];
  readonly tokens_in: number;
  readonly tokens_out: number;
}

/** The end of a run, or its rest until somebody decides. */
export interface RunEnd {
  readonly status: RunStatus;
  readonly approval_id: string | null;
  readonly message_id: string | null;
}

/** `seq` counts from 1 without a gap. */
export type RunEvent = { readonly seq: number } & (
  | { readonly event: "start"; readonly data: { readonly run_id: string; readonly thread_id: string } }
  | { readonly event: "delta"; readonly data: { readonly text: string } }
  | { readonly event: "tool"; readonly data: Step }
  | { readonly event: "card"; readonly data: Json }
  | { readonly event: "approval"; readonly data: Approval }
  | { readonly event: "metadata"; readonly data: Usage }
  | { readonly event: "error"; readonly data: RunFault }
  | { readonly event: "done"; readonly data: RunEnd }
  /** Of a kind that is not known here. */
  | { readonly event: "unknown"; readonly data: { readonly name: string; readonly value: Json } }
);

function statusOf(value: unknown): RunStatus {
  return RUN_STATUSES.find((status) => status === value) ?? "failed";
}

function readFault(value: unknown): RunFault | null {
  if (!isRecord(value)) return null;
  return { code: textOf(value["code"]) ?? "", message: textOf(value["message"]) ?? "" };
}

export function readRun(data: unknown): Run {
  const outer = record(data, "run");
  const value = isRecord(outer["run"]) ? outer["run"] : outer;
  return {
    run_id: "run_id" in value ? idOf(value, "run_id") : idOf(value, "id"),
    thread_id: idOf(value, "thread_id"),
    agent: textOf(value["agent"]) ?? "",
    status: statusOf(value["status"]),
    created_at: textOf(value["created_at"]) ?? null,
    ended_at: textOf(value["ended_at"]) ?? null,
    approval_id: textOf(value["approval_id"]) ?? null,
    error: readFault(value["error"]),
    message_id: textOf(value["message_id"]) ?? null,
    last_event: numberOf(value["last_event_id"]) ?? 0,
  };
}

const STEP_STATUSES = ["running", "done", "refused", "waiting", "failed"] as const;

export function readStep(value: Json): Step {
  return {
    call_id: textOf(value["call_id"]) ?? "",
    agent: textOf(value["agent"]) ?? "",
    tool: textOf(value["tool"]) ?? "",
    status: STEP_STATUSES.find((status) => status === value["status"]) ?? "failed",
    ms: numberOf(value["ms"]) ?? null,
    entry_id: textOf(value["entry_id"]) ?? null,
  };
}

export function readApproval(data: unknown): Approval {
  const outer = record(data, "approval");
  const value = isRecord(outer["approval"]) ? outer["approval"] : outer;
  return {
    id: "id" in value ? idOf(value, "id") : idOf(value, "approval_id"),
    tool: textOf(value["tool"]) ?? "",
    agent: textOf(value["agent"]) ?? "",
    summary: textOf(value["summary"]) ?? "",
    arguments: recordsOf(value["arguments"]).map((argument) => ({
      name: textOf(argument["name"]) ?? "",
      value: argument["value"],
      source: textOf(argument["source"]) ?? "other",
    })),
    amount: numberOf(value["amount"]) ?? null,
    status: textOf(value["status"]) ?? "pending",
    integrity: textOf(value["integrity"]) ?? null,
    created_at: textOf(value["created_at"]) ?? textOf(value["created"]) ?? null,
    expires_at: textOf(value["expires_at"]) ?? textOf(value["expires"]) ?? null,
    thread_id: textOf(value["thread_id"]) ?? textOf(value["conversation_id"]) ?? null,
    run_id: textOf(value["run_id"]) ?? null,
  };
}

/** An event by its name. Throws `TransportError` for one that lacks what its kind cannot be without. */
export function readRunEvent(seq: number, event: string, data: Json): RunEvent {
  switch (event) {
    case "start":
      return {
        seq,
        event,
        data: { run_id: idOf(data, "run_id"), thread_id: idOf(data, "thread_id") },
      };
    case "delta":
      return { seq, event, data: { text: textOf(data["text"]) ?? "" } };
    case "tool":
      return { seq, event, data: readStep(data) };
    case "card":
      return { seq, event, data };
    case "approval":
      return { seq, event, data: readApproval(data) };
    case "metadata":
      return {
        seq,
        event,
        data: {
          agents_involved: textsOf(data["agents_involved"]),
          tokens_in: numberOf(data["tokens_in"]) ?? 0,
          tokens_out: numberOf(data["tokens_out"]) ?? 0,
        },
      };
    case "error":
      return { seq, event, data: readFault(data) ?? { code: "", message: "" } };
    case "done":
      return {
        seq,
        event,
        data: {
          status: statusOf(data["status"]),
          approval_id: textOf(data["approval_id"]) ?? null,
          message_id: textOf(data["message_id"]) ?? null,
        },
      };
    default:
      return { seq, event: "unknown", data: { name: event, value: data } };
  }
}
