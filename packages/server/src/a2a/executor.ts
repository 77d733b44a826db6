/**
 * Runs an agent for an A2A message and tells what happens as task events.
 *
 * Guarantees: the run acts for the verified caller of the request, never for anyone that the message names. A
 * conversation is the caller's own: its id is derived from tenant, subject, agent and the context id the other
 * side chose, so a guessed context id opens nothing [SR-26]. The answer carries the run's label [SR-07]. A
 * run that waits for a person ends as `input-required` with the approval; it goes on by a message on the same
 * task that names the approval, which is looked up under the caller. A task that is cancelled ends, in ten seconds at the
 * latest, whatever its agent does; one that was finished by then stays finished.
 * Does not: keep running when nobody listens any more, beyond what `RunHold` allows [SR-14]; undo what a cancelled
 * run had begun.
 */
import { type Message, type Part, type Task, TaskState, type TaskStatus } from "@a2a-js/sdk";
import {
  AgentEvent,
  type AgentExecutor,
  type ExecutionEventBus,
  type RequestContext,
  type ServerCallContext,
} from "@a2a-js/sdk/server";
import type { Agent, Approval, RunOptions, TurnAccount, TurnEvent } from "@deputize/agent";
import {
  type Caller,
  type Clock,
  DeputizeError,
  isDeputizeError,
  newId,
  stableId,
  systemClock,
  toProblem,
} from "@deputize/core";
import { type Label, UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import { type AgentCall, callOf, taskOwner } from "./owner.ts";
import {
  accountMetadata,
  costMustBeKnown,
  message,
  personOf,
  resumeOf,
  textOf,
  labelOfParts,
  textPart,
  turnPart,
  type TurnPart,
} from "./parts.ts";
import { TRANSIENT } from "./task-rules.ts";
import type { TaskRuns } from "./task-runs.ts";

export interface ExecutorOptions {
  readonly agent: Agent;
  readonly runs: TaskRuns;
  /** Asked every two seconds while a task is at work: whether it still is, for other processes too. */
  readonly stillAtWork?: (taskId: string, context: ServerCallContext) => Promise<boolean>;
  /** How long an agent that was asked to stop may take; 10,000 ms unless set. */
  readonly graceMs?: number;
  /** Who is told what an answer cost and rests on; nobody unless told. */
  readonly accountsTo?: (caller: Caller) => boolean;
  readonly clock?: Clock;
  /** Hears of faults; callers are told only that there was one. */
  readonly onFault?: (error: unknown, requestId: string) => void;
}

const GRACE_MS = 10_000;
const ASK_MS = 2_000;

/** The specialist's conversation for a context of this caller. */
function conversationFor(call: AgentCall, agent: string, contextId: string): string {
  const { tenant, subject } = call.caller;
  return stableId(`a2a:${JSON.stringify([tenant, subject, agent, contextId])}`);
}

/** Makes the executor of one agent. */
export function createExecutor(options: ExecutorOptions): AgentExecutor {
  const { agent, runs, clock = systemClock } = options;

  async function execute(request: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const call = callOf(request.context);
    const { taskId, contextId } = request;
    const run = runs.begin(taskOwner(call.caller), taskId, call.hold);
    const asking = askElsewhere(taskId, request.context);

    // What was used until now; nothing, as long as the agent says nothing.
    let account: TurnAccount = { used: [] };
    const told = options.accountsTo?.(call.caller) === true;
    const publishStatus = (state: TaskState, note?: Message): void => {
      const status: TaskStatus = { state, message: note, timestamp: new Date(clock.nowMs()).toISOString() };
      const ended = told && state !== TaskState.TASK_STATE_WORKING;
      const metadata = ended ? accountMetadata(account) : undefined;
      bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status, metadata }));
    };
    const say = (parts: Part[], transient: boolean): Message => ({
      ...message(parts, { role: "agent", contextId, taskId }),
      metadata: transient ? TRANSIENT : undefined,
    });

    const task: Task = {
      id: taskId,
      contextId,
      status: {
        state: TaskState.TASK_STATE_WORKING,
        message: undefined,
        timestamp: new Date(clock.nowMs()).toISOString(),
      },
      artifacts: [],
      history: request.task?.history.length ? [] : [request.userMessage],
      metadata: undefined,
    };
    bus.publish(AgentEvent.task(task));

    const turn = gather();
    try {
      // Without a word from the agent the answer is labelled as unknown.
      let label: Label = UNKNOWN_LABEL;
      const onLabel = (final: Label): void => {
        label = final;
      };
      const onAccount = (final: TurnAccount): void => {
        account = final;
      };
      const hear = { onLabel, ...(told && { onAccount }) };
      const played = forward(start(call, request, run.signal, hear), turn, (part) => {
        publishStatus(TaskState.TASK_STATE_WORKING, say([turnPart(part, shownTo(call, agent.name))], true));
      });
      await withinGrace(played, run.signal, options.graceMs ?? GRACE_MS);
      end(label);
    } catch (error) {
      if (!isDeputizeError(error) && !run.signal.aborted) options.onFault?.(error, call.requestId);
      const text = run.signal.aborted ? "stopped" : toProblem(error, call.requestId).detail;
      const state = run.signal.aborted ? TaskState.TASK_STATE_CANCELED : TaskState.TASK_STATE_FAILED;
      publishStatus(state, say([textPart(text, serverLabel(agent.name))], false));
    } finally {
      clearInterval(asking);
      run.end();
      call.onEnded?.();
    }

    function end(label: Label): void {
      const last = turn.approvals.at(-1);
      switch (turn.status) {
        case "done": {
          const artifact = {
            artifactId: newId(clock),
            name: "answer",
            description: "",
            parts: [textPart(turn.text, label)],
            metadata: undefined,
            extensions: [],
          };
          bus.publish(
            AgentEvent.artifactUpdate({
              taskId,
              contextId,
              artifact,
              append: false,
              lastChunk: true,
              metadata: undefined,
            }),
          );
          return publishStatus(TaskState.TASK_STATE_COMPLETED);
        }
        case "waiting": {
          const parts = [textPart(turn.text || "waiting for a person's approval", label)];
          if (last) parts.push(turnPart({ kind: "approval", approval: last }, shownTo(call, agent.name)));
          return publishStatus(TaskState.TASK_STATE_INPUT_REQUIRED, say(parts, false));
        }
        case "stopped":
          return publishStatus(
            TaskState.TASK_STATE_CANCELED,
            say([textPart("stopped", serverLabel(agent.name))], false),
          );
        default: {
          const why = turn.problem ?? "the agent could not finish; nothing was changed";
          return publishStatus(
            TaskState.TASK_STATE_FAILED,
            say([textPart(why, serverLabel(agent.name))], false),
          );
        }
      }
    }
  }

  /** A task that was ended through another process stops here, too. */
  function askElsewhere(taskId: string, context: ServerCallContext): NodeJS.Timeout | undefined {
    const { stillAtWork } = options;
    if (!stillAtWork) return undefined;
    const ask = async (): Promise<void> => {
      // A database that cannot be asked ends nothing.
      if (!(await stillAtWork(taskId, context).catch(() => true))) runs.cancel(taskId);
    };
    return setInterval(() => void ask(), ASK_MS);
  }

  function start(
    call: AgentCall,
    request: RequestContext,
    signal: AbortSignal,
    hear: Pick<RunOptions, "onLabel" | "onAccount">,
  ): AsyncIterable<TurnEvent> {
    const { caller, authority, requestId, correlationId } = call;
    const ids = { requestId, ...(correlationId !== undefined && { correlationId }) };
    const { parts } = request.userMessage;
    const resume = resumeOf(parts);
    const personConversationId = request.contextId;
    const bounded = costMustBeKnown(request.userMessage) && { costMustBeKnown: true };
    if (resume) {
      const runOptions = { ...ids, ...hear, ...bounded, personConversationId };
      return agent.resume({ caller, authority, ...resume, signal, runOptions });
    }
    const person = personOf(parts);
    return agent.stream({
      caller,
      authority,
      message: textOf(parts),
      conversationId: conversationFor(call, agent.name, request.contextId),
      signal,
      runOptions: {
        inputLabel: labelOfParts(parts.filter((part) => part.content?.$case === "text")),
        ...ids,
        ...hear,
        ...bounded,
        personConversationId,
        ...(person !== undefined && { personMessage: person }),
      },
    });
  }

  return {
    execute,
    // The run publishes its own end; a task that does not run here has no bus to be asked on.
    cancelTask: async (taskId) => runs.cancel(taskId),
  };
}

/** Waits for a turn, and after an abort no longer than `graceMs`. Throws when that is over. */
async function withinGrace(played: Promise<void>, signal: AbortSignal, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      timer = setTimeout(() => reject(new DeputizeError("timeout", "stopped")), graceMs);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    await Promise.race([played, late]);
  } finally {
    clearTimeout(timer);
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}

interface Gathered {
  text: string;
  approvals: Approval[];
  problem: string | undefined;
  status: "done" | "waiting" | "stopped" | "failed";
}

function gather(): Gathered {
  return { text: "", approvals: [], problem: undefined, status: "failed" };
}

/** Reads a turn to its end, passing on what the calling side may show. */
async function forward(
  events: AsyncIterable<TurnEvent>,
  turn: Gathered,
  show: (part: TurnPart) => void,
): Promise<void> {
  for await (const event of events) {
    switch (event.event) {
      case "delta":
        turn.text += event.data.text;
        break;
      case "tool":
        show({ kind: "step", step: event.data });
        break;
      case "card":
        show({ kind: "card", card: event.data });
        break;
      case "approval":
        turn.approvals.push(event.data);
        break;
      case "error":
        turn.problem = event.data.detail;
        break;
      case "done":
        turn.status = event.data.status;
        break;
      default:
        break;
    }
  }
}

/** What is shown to the person in the page: theirs to read, but not words that a model may trust. */
function shownTo(call: AgentCall, agent: string): Label {
  return { integrity: "untrusted", readers: [call.caller.subject], source: `agent:${agent}` };
}

/** Fixed words of this server. */
function serverLabel(agent: string): Label {
  return { integrity: "trusted", readers: "public", source: `agent:${agent}` };
}
