/**
 * A conversation with an agent, for whatever shows it: its messages, the run that is going on, and what waits for the person.
 *
 * Guarantees: one run at a time, and only by `send`; a second `send` meanwhile is refused, so that a double press begins nothing twice.
 * Opening and closing only read: a run goes on without whoever watches it, and is found again. After `close` nothing changes any more.
 */
import { DeputizeError } from "@deputize/core/portable";
import { pause } from "../sdk/retry.ts";
import type { AgentServerClient } from "./client.ts";
import type { Message, Role } from "./message.ts";
import type { Run, RunStatus } from "./run-events.ts";
import { type RunView, emptyRunView, withEvent } from "./run-view.ts";

export interface ChatMessage {
  readonly id: string;
  readonly role: Role;
  readonly text: string;
}

/** `waiting`: for the person's yes or no. */
export type ChatPhase = "loading" | "idle" | "running" | "waiting";

export interface ChatState {
  readonly threadId: string | null;
  readonly phase: ChatPhase;
  /** Oldest first; what the run of now says is in `run` until it has ended. */
  readonly messages: readonly ChatMessage[];
  readonly run: RunView | null;
  readonly error: DeputizeError | null;
}

export interface ChatOptions {
  readonly client: Pick<
    AgentServerClient,
    "threadMessages" | "runs" | "createRun" | "streamRun" | "cancelRun" | "approvals" | "decideApproval"
  >;
  /** A thread to go on with; a new one begins with the first message unless told. */
  readonly threadId?: string | null;
  readonly agent?: string;
  /** Told once a new thread has its id. */
  readonly onThread?: (threadId: string) => void;
}

export interface Chat {
  readonly state: () => ChatState;
  /** Calls `onChange` at each change, and answers how to stop that. */
  readonly subscribe: (onChange: () => void) => () => void;
  /** Reads the thread, and follows what runs in it. Again after `close`. */
  readonly open: () => Promise<void>;
  /** Throws `conflict` while a run goes on or waits, and what the server says. */
  readonly send: (text: string) => Promise<void>;
  /** Ends the run of now. */
  readonly stop: () => Promise<void>;
  readonly decide: (approvalId: string, decision: "approve" | "refuse") => Promise<void>;
  /** Stops watching; the run itself goes on. */
  readonly close: () => void;
}

/** How often questions are looked for while a call waits. */
const QUESTIONS_MS = 2_000;

const OPEN: ReadonlySet<RunStatus> = new Set<RunStatus>(["queued", "running", "waiting"]);

function problem(error: unknown): DeputizeError {
  return error instanceof DeputizeError
    ? error
    : new DeputizeError("internal", "something went wrong in this page", { cause: error });
}

function shown(message: Message, at: number): ChatMessage {
  return { id: message.message_id ?? `message-${at}`, role: message.role, text: message.text() };
}

export function createChat({ client, threadId = null, agent, onThread }: ChatOptions): Chat {
  let state: ChatState = {
    threadId,
    phase: threadId === null ? "idle" : "loading",
    messages: [],
    run: null,
    error: null,
  };
  const listeners = new Set<() => void>();
  let watching = new AbortController();
  let own = 0;

  function change(next: Partial<ChatState>): void {
    state = { ...state, ...next };
    for (const tell of listeners) tell();
  }

  /** Follows a run to its end or its rest. */
  async function follow(view: RunView, { signal }: AbortController): Promise<void> {
    change({ run: view, phase: "running", error: null });
    try {
      for await (const event of client.streamRun(view.run_id, { after: view.last, signal })) {
        if (signal.aborted) return;
        const run = withEvent(state.run ?? view, event);
        if (state.threadId === null && run.thread_id !== null) begun(run.thread_id);
        change({ run });
        if (event.event === "tool" && event.data.status === "waiting") void questions(run.run_id, signal);
      }
      if (!signal.aborted) rest();
    } catch (error) {
      if (!signal.aborted) change({ phase: "idle", error: problem(error) });
    }
  }

  let asking: string | undefined;
  /** A call that waits while its run goes on is a question, which the run itself does not tell: they are asked for until it is gone. */
  async function questions(runId: string, signal: AbortSignal): Promise<void> {
    if (asking === runId) return;
    asking = runId;
    const isAsked = (): boolean =>
      !signal.aborted &&
      state.run?.run_id === runId &&
      state.phase === "running" &&
      state.run.steps.some(({ status }) => status === "waiting");
    try {
      while (isAsked()) {
        const { data } = await client.approvals({ signal });
        if (!isAsked() || !state.run) break;
        const known = new Set(state.run.approvals.map(({ id }) => id));
        const more = data.approvals.filter(({ id, run_id }) => run_id === runId && !known.has(id));
        if (more.length > 0) change({ run: { ...state.run, approvals: [...state.run.approvals, ...more] } });
        await pause(QUESTIONS_MS, signal);
      }
    } catch (error) {
      if (!signal.aborted) change({ error: problem(error) });
    } finally {
      asking = undefined;
    }
  }

  function begun(id: string): void {
    change({ threadId: id });
    onThread?.(id);
  }

  /** The run has ended: what it said is a message like others; or it waits. */
  function rest(): void {
    const { run, messages } = state;
    if (!run) return change({ phase: "idle" });
    if (run.status === "waiting") return change({ phase: "waiting" });
    const said: ChatMessage = { id: run.message_id ?? run.run_id, role: "assistant", text: run.text };
    change({
      phase: "idle",
      messages: run.text === "" ? messages : [...messages, said],
      run: { ...run, text: "" },
    });
  }

  async function open(): Promise<void> {
    watching.abort();
    watching = new AbortController();
    const mine = watching;
    const id = state.threadId;
    if (id === null) return;
    change({ phase: "loading", error: null, run: null });
    try {
      const [page, latest] = await Promise.all([
        client.threadMessages(id),
        client.runs({ thread_id: id, limit: 1 }, { signal: mine.signal }),
      ]);
      if (mine.signal.aborted) return;
      const [run] = latest.data.runs;
      const messages = page.data.messages.map(shown);
      if (!run || !OPEN.has(run.status)) return change({ messages, phase: "idle" });
      // What a waiting run said is stored, too; here it is shown with the run.
      change({ messages: messages.filter((message) => message.id !== run.message_id) });
      await follow(emptyRunView(run.run_id), mine);
    } catch (error) {
      if (!mine.signal.aborted) change({ phase: "idle", error: problem(error) });
    }
  }

  async function send(text: string): Promise<void> {
    if (state.phase !== "idle")
      throw new DeputizeError("conflict", "the agent is still at work; stop it, or wait for its answer");
    const mine = watching.signal.aborted ? (watching = new AbortController()) : watching;
    const message: ChatMessage = { id: `own-${(own += 1)}`, role: "user", text };
    change({ messages: [...state.messages, message], phase: "running", run: null, error: null });
    let run: Run;
    try {
      const thread_id = state.threadId;
      run = (
        await client.createRun({
          message: text,
          ...(thread_id !== null && { thread_id }),
          ...(agent !== undefined && { agent }),
        })
      ).data;
    } catch (error) {
      change({
        messages: state.messages.filter((other) => other !== message),
        phase: "idle",
        error: problem(error),
      });
      throw error;
    }
    if (mine.signal.aborted) return;
    if (state.threadId === null) begun(run.thread_id);
    void follow({ ...emptyRunView(run.run_id), thread_id: run.thread_id }, mine);
  }

  return {
    state: () => state,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    open,
    send,
    async stop() {
      const { run } = state;
      if (!run || !OPEN.has(run.status)) return;
      await client.cancelRun(run.run_id);
      // A run that waits is followed by nobody, and tells its end now.
      if (state.phase === "waiting" && !watching.signal.aborted) await follow(run, watching);
    },
    async decide(approvalId, decision) {
      await client.decideApproval(approvalId, decision);
      const { run, phase } = state;
      if (!run || watching.signal.aborted) return;
      const approvals = run.approvals.map((approval) =>
        approval.id === approvalId
          ? { ...approval, status: decision === "approve" ? "approved" : "rejected" }
          : approval,
      );
      change({ run: { ...run, approvals } });
      if (phase === "waiting") void follow({ ...run, approvals }, watching);
    },
    close() {
      watching.abort();
      listeners.clear();
    },
  };
}
