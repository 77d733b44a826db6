/** Lasting runs: begun, or carried on with from the last step that was stored, by whichever process has them. */
import { DeputizeError } from "@deputize/core";
import type { CarriedOn, LastingRequest } from "../agent-types.ts";
import { refuseAskers } from "../lasting/ask-nobody.ts";
import { AUTHORITY_ENDED } from "../loop/carry-out.ts";
import { loadState, newState } from "../loop/run-state.ts";
import type { AgentRuntime } from "./agent-runtime.ts";
import { scan } from "./begin-turn.ts";
import { start } from "./drive-turn.ts";
import { ids } from "./settle-turn.ts";

/** See `Agent.carryOn`. */
export async function carryOn(
  runtime: AgentRuntime,
  { caller, authority, message, inputLabel, decided, ...key }: LastingRequest,
): Promise<CarriedOn> {
  const { options, room } = runtime;
  refuseAskers({ name: options.name, asks: options.toolSources.flatMap(({ asks = [] }) => asks) });
  const { lasting } = room;
  if (!lasting) {
    throw new DeputizeError("config_invalid", "lasting work needs a `PostgresConversationStore`");
  }
  const scanned = await scan(runtime, message, caller);
  await lasting.begin(caller, { ...key, message: scanned.text, label: inputLabel });
  const { status, pending } = await lasting.look(caller, key.runId);
  if (status !== "running" && status !== "waiting") return { status };
  if (pending !== key.runId && pending !== decided?.approvalId)
    return { status: "waiting", approvalId: pending };
  const run = await room.claimResumption(caller, pending);
  const fresh = Object.keys(run.state as object).length === 0;
  const personal = inputLabel.integrity === "trusted" ? scanned.text : "";
  const { result } = start(runtime, {
    caller,
    authority,
    run,
    state: fresh
      ? newState({
          messages: [{ role: "user", content: scanned.text }],
          label: inputLabel,
          personMessage: personal,
        })
      : loadState(run.state),
    turn: fresh
      ? { caller, agent: options.name, ...ids(run), message: scanned.text, messageLabel: inputLabel }
      : undefined,
    refusal: scanned.refusal,
    // Told when the run began.
    acted: fresh ? scanned.acted : [],
    decision: pending === decided?.approvalId ? decided.decision : undefined,
    signal: undefined,
    requestId: "none",
    correlationId: undefined,
    onLabel: undefined,
    onAccount: undefined,
    costMustBeKnown: false,
    alone: false,
    personConversationId: undefined,
    lasting: true,
  });
  const { problem } = await result;
  if (problem && AUTHORITY_ENDED.has(problem.code)) return { status: "parked", code: problem.code };
  // What was stored, whatever became of it here: a run that this process could not end goes on elsewhere, or later.
  const after = await lasting.look(caller, key.runId);
  if (after.status === "running") throw new DeputizeError("conflict", "the run was not ended here");
  return after.status === "waiting"
    ? { status: after.status, approvalId: after.pending }
    : { status: after.status };
}
