/**
 * Work that an agent does while its person is away: it survives restarts and the death of a replica, waits for approvals as long as
 * they may be given, and is done once.
 *
 * Guarantees: it runs under a mandate of the person who asked for it, which is opened anew for each stretch; without one it is parked
 * and does nothing, until the person gives another [SR-14]. Each run has an id of its own and is carried on from its last stored step
 * (`Agent.carryOn`), so whatever is sent again is sent under the id that it had. Only its owner sees, feeds or cancels it.
 * Does not: make a tool idempotent that works outside of its server's database.
 */
import {
  type Caller,
  type Clock,
  DeputizeError,
  isDeputizeError,
  isUuid,
  newId,
  systemClock,
} from "@deputize/core";
import { UNKNOWN_LABEL, privateLabel } from "@deputize/guardrails/flow";
import type { Store } from "@deputize/store";
import type { Agent } from "../agent-types.ts";
import type { AgentCaller } from "../identity/agent-caller.ts";
import { refuseAskers } from "./ask-nobody.ts";
import { openEngine } from "./engine.ts";
import { type LastingRow, lastingRows } from "./lasting-rows.ts";
import type { LastingAuthority } from "./mandate-authority.ts";
import {
  type Decided,
  type Driven,
  type LastingInput,
  type LastingKey,
  type LastingStatus,
  type LastingWorker,
  conversationIdOf,
  runIdOf,
} from "./workflow.ts";

export interface LastingWorkOptions {
  /** Prepared by `prepareLastingWork`, with `agentMigrations`. */
  readonly store: Store;
  /** Its conversations are kept in the same store. */
  readonly agent: Agent;
  readonly authority: LastingAuthority;
  readonly clock?: Clock;
  /** How often approvals and notes are looked for. 5,000 unless set. */
  readonly pollMs?: number;
  /** How long a replica may be silent before its work is taken over. 30,000 unless set; the same at all replicas. */
  readonly deadAfterMs?: number;
  /** The shortest schedule. 3,600 unless set: each repetition leaves rows, and a mandate lasts 90 days. */
  readonly minEverySeconds?: number;
  /** Told of every fault behind the scenes, for the server's log. Nothing of it is shown to anybody. */
  readonly onFault?: (error: unknown) => void;
}

export interface LastingStart {
  readonly caller: Caller;
  /** A mandate of the caller's for this agent. */
  readonly mandateId: string;
  readonly message: string;
  /** A UUID: asking again with the same one begins nothing new. */
  readonly id?: string;
  /** Epoch milliseconds; at once unless told. */
  readonly after?: number;
  readonly schedule?: { readonly everySeconds: number };
}

export interface LastingView {
  readonly id: string;
  readonly mandate: string;
  readonly message: string;
  /** `queued`: no process has taken it up yet. */
  readonly status: LastingStatus | "queued" | "cancelled";
  /** While it is parked: why. */
  readonly reason?: string;
  /** While it waits: for this approval. */
  readonly approval?: string;
  readonly conversation_id: string;
  readonly run_id: string;
  /** RFC 3339. */
  readonly created: string;
  readonly next?: string;
}

export interface LastingWork {
  /** Throws `not_found` for a mandate that is not the caller's, `grant_revoked`, `validation_failed`, `limit_exceeded`. */
  start(request: LastingStart): Promise<LastingView>;
  /** Throws `not_found`, for another's as for none. */
  status(request: { readonly caller: Caller; readonly id: string }): Promise<LastingView>;
  /** Newest first, 100 at most. */
  list(request: { readonly caller: Caller }): Promise<LastingView[]>;
  /** Lets parked work go on. Throws as `start` and `status`. */
  giveMandate(request: {
    readonly caller: Caller;
    readonly id: string;
    readonly mandateId: string;
  }): Promise<LastingView>;
  /** Ends it; what was done stays done. Throws as `status`. */
  cancel(request: { readonly caller: Caller; readonly id: string }): Promise<LastingView>;
  /** Ends and forgets all work of a person. Answers how much. Does not decide who may ask. */
  eraseOwner(owner: Pick<Caller, "tenant" | "subject">): Promise<number>;
  /** Lets go of what runs here; another replica, or the next start, carries it on. Before the agent is closed. */
  close(): Promise<void>;
}

/** Starts taking part. Throws `config_invalid` with the fix. */
export async function lastingWork(options: LastingWorkOptions): Promise<LastingWork> {
  const { store, agent, authority, clock = systemClock, onFault } = options;
  refuseAskers(agent);
  const rows = lastingRows(store, agent.name, clock);
  const minEverySeconds = options.minEverySeconds ?? 3_600;

  /** The mandate's caller, when it is of this person. Throws. */
  async function opened(of: Pick<Caller, "tenant" | "subject">, mandateId: string): Promise<AgentCaller> {
    if (!isUuid(mandateId)) throw new DeputizeError("not_found", "no such mandate");
    const under = await authority.open(mandateId);
    if (under.caller.tenant !== of.tenant || under.caller.subject !== of.subject) {
      throw new DeputizeError("not_found", "no such mandate");
    }
    return under;
  }

  const of = (input: LastingInput) => input as unknown as Pick<Caller, "tenant" | "subject">;

  /** What stands in the way of a step: the mandate, or something that passes. */
  function hindrance(error: unknown): Extract<Driven, { status: "busy" | "parked" }> {
    if (
      isDeputizeError(error) &&
      error.status < 500 &&
      error.code !== "conflict" &&
      error.code !== "rate_limited"
    ) {
      return { status: "parked", code: error.code };
    }
    if (!isDeputizeError(error, "conflict")) onFault?.(error);
    return { status: "busy" };
  }

  const worker: LastingWorker = {
    async drive(input, { mandateId, turn, decided }) {
      let under: AgentCaller;
      let row: LastingRow | undefined;
      try {
        under = await opened(of(input), mandateId);
        row = await rows.get(under.caller, input.id).catch((error: unknown) => {
          if (isDeputizeError(error, "not_found")) return undefined;
          throw error;
        });
      } catch (error) {
        return hindrance(error);
      }
      if (!row || row.cancelled) return { status: "stopped" };
      try {
        const end = await agent.carryOn({
          ...under,
          runId: runIdOf(input, turn),
          conversationId: conversationIdOf(input, turn),
          message: row.message,
          inputLabel: row.label,
          ...(decided && { decided }),
        });
        const over = input.everySeconds === undefined && ["done", "failed", "stopped"].includes(end.status);
        if (over) await rows.end(under.caller, input.id).catch((error: unknown) => onFault?.(error));
        return end;
      } catch (error) {
        return hindrance(error);
      }
    },

    async decision(input, { mandateId, approvalId }): Promise<Decided> {
      try {
        const { caller } = await opened(of(input), mandateId);
        const status = await authority.approval(caller, approvalId);
        if (status === "pending") return "pending";
        // A card that nobody decided in its time is no yes.
        return status === "approved" || status === "executed" ? "approve" : "refuse";
      } catch (error) {
        return hindrance(error).status === "parked" ? "parked" : "pending";
      }
    },
  };

  const engine = await openEngine(agent.name, worker, {
    store,
    pace: { pollMs: options.pollMs ?? 5_000 },
    deadAfterMs: options.deadAfterMs ?? 30_000,
    onFault,
  });

  function inputOf({ tenant, subject }: Caller, row: LastingRow): LastingInput {
    return {
      id: row.id,
      tenant,
      subject,
      agent: agent.name,
      mandateId: row.mandateId,
      startAt: row.startAt.getTime(),
      ...(row.everySeconds !== undefined && { everySeconds: row.everySeconds }),
    };
  }

  const keyOf = ({ tenant, subject }: Caller, id: string): LastingKey => ({
    tenant,
    subject,
    agent: agent.name,
    id,
  });

  async function view(caller: Caller, row: LastingRow): Promise<LastingView> {
    const key = keyOf(caller, row.id);
    const state = await engine.state(key);
    // Its row was written and the process died: beginning it is idempotent.
    if (!state && !row.cancelled) await engine.start(inputOf(caller, row));
    const turn = state?.turn ?? 0;
    return {
      id: row.id,
      mandate: row.mandateId,
      message: row.message,
      status: row.cancelled ? "cancelled" : (state?.status ?? "queued"),
      ...(state?.reason !== undefined && { reason: state.reason }),
      ...(state?.approvalId !== undefined && { approval: state.approvalId }),
      conversation_id: conversationIdOf(key, turn),
      run_id: runIdOf(key, turn),
      created: row.created.toISOString(),
      ...(state?.next !== undefined && { next: new Date(state.next).toISOString() }),
    };
  }

  const status: LastingWork["status"] = async ({ caller, id }) => view(caller, await rows.get(caller, id));

  return {
    async start({ caller, mandateId, message: said, id = newId(clock), after, schedule }) {
      const message = said.trim();
      const invalid = (field: string, why: string): DeputizeError =>
        new DeputizeError("validation_failed", why, { detail: { field } });
      if (message === "" || message.length > 8_000)
        throw invalid("message", "a message has 1 to 8,000 characters");
      if (!isUuid(id)) throw invalid("id", "`id` is a UUID");
      const every = schedule?.everySeconds;
      if (
        every !== undefined &&
        !(Number.isSafeInteger(every) && every >= minEverySeconds && every <= 7_776_000)
      ) {
        throw invalid("schedule", `\`everySeconds\` is ${minEverySeconds} to 7,776,000`);
      }
      const startAt = new Date(after ?? clock.nowMs());
      if (Number.isNaN(startAt.getTime())) throw invalid("after", "`after` is a time in epoch milliseconds");
      await opened(caller, mandateId);
      // The person's own words, when nobody acts for them here [SR-07].
      const label = caller.actors.length === 0 ? privateLabel(caller.subject, "person") : UNKNOWN_LABEL;
      await rows.insert(caller, { id, mandateId, message, label, startAt, everySeconds: every });
      return status({ caller, id });
    },
    status,
    list: async ({ caller }) => Promise.all((await rows.list(caller)).map((row) => view(caller, row))),
    async giveMandate({ caller, id, mandateId }) {
      await rows.get(caller, id);
      await opened(caller, mandateId);
      await rows.giveMandate(caller, id, mandateId);
      await engine.note(keyOf(caller, id), { mandateId });
      return status({ caller, id });
    },
    async cancel({ caller, id }) {
      await rows.cancel(caller, id);
      const key = keyOf(caller, id);
      const state = await engine.state(key);
      await engine.cancel(key);
      await agent.stop({ caller, runId: runIdOf(key, state?.turn ?? 0) }).catch((error: unknown) => {
        if (!isDeputizeError(error, "not_found")) throw error;
      });
      return status({ caller, id });
    },
    async eraseOwner({ tenant, subject }) {
      const gone = await rows.erase(tenant, subject);
      if (gone.length > 0) await engine.forget(gone);
      return gone.length;
    },
    close: () => engine.close(),
  };
}
