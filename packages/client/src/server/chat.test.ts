import { beforeEach, describe, expect, it } from "vitest";
import { DeputizeError } from "@deputize/core";
import { type Chat, type ChatOptions, type ChatState, createChat } from "./chat.ts";
import { Message } from "./message.ts";
import {
  type Approval,
  type RunEvent,
  type RunStatus,
  readApproval,
  readRun,
  readRunEvent,
} from "./run-events.ts";

const APPROVAL = { id: "ap", tool: "pay", agent: "a", arguments: [] };

/** A server in miniature: runs of which the test tells what happens. */
class World {
  events: RunEvent[] = [];
  begun: string[] = [];
  decided: string[] = [];
  cancelled: string[] = [];
  stored: Message[] = [];
  status: RunStatus = "running";
  refuse: DeputizeError | undefined;
  questions: Approval[] = [];
  #wake: (() => void)[] = [];

  tell(event: string, data: Record<string, unknown>): void {
    this.events.push(readRunEvent(this.events.length + 1, event, data));
    for (const wake of this.#wake.splice(0)) wake();
  }

  end(status: RunStatus, more: Record<string, unknown> = {}): void {
    this.status = status;
    this.tell("done", { status, ...more });
  }

  run() {
    return {
      data: readRun({ run_id: "r", thread_id: "t", status: this.status, last_event_id: this.events.length }),
      metadata: {},
    };
  }

  readonly client: ChatOptions["client"] = {
    threadMessages: async () => ({ data: { messages: this.stored, earlier: null }, metadata: {} }),
    runs: async () => ({ data: { runs: [this.run().data], next: null }, metadata: {} }),
    createRun: async ({ message }) => {
      if (this.refuse) throw this.refuse;
      this.begun.push(message);
      return this.run();
    },
    cancelRun: async (id) => {
      this.cancelled.push(id);
      this.end("cancelled");
      return this.run();
    },
    approvals: async () => ({ data: { approvals: this.questions }, metadata: {} }),
    decideApproval: async (id, decision) => {
      this.decided.push(`${id} ${decision}`);
      this.status = "running";
      return { data: { approval_id: id, decision, run: this.run().data }, metadata: {} };
    },
    streamRun: (_id, { after = 0, signal } = {}) => this.#stream(after, signal),
  };

  async *#stream(after: number, signal: AbortSignal | undefined): AsyncGenerator<RunEvent> {
    for (let at = after; ; at += 1) {
      while (this.events.length <= at && !signal?.aborted)
        await new Promise<void>((resolve) => {
          this.#wake.push(resolve);
          signal?.addEventListener("abort", () => resolve(), { once: true });
        });
      if (signal?.aborted) throw signal.reason;
      const event = this.events[at];
      if (!event) return;
      yield event;
      if (event.event === "done") return;
    }
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

/** Until the chat is as it should be. */
async function until(chat: Chat, is: (state: ChatState) => boolean): Promise<ChatState> {
  if (is(chat.state())) return chat.state();
  return new Promise((resolve) => {
    const stop = chat.subscribe(() => {
      if (!is(chat.state())) return;
      stop();
      resolve(chat.state());
    });
  });
}

const idle = ({ phase }: ChatState): boolean => phase === "idle";

describe("a conversation", () => {
  it("begins a thread with the first message, and shows what comes as it comes", async () => {
    const threads: string[] = [];
    const chat = createChat({ client: world.client, onThread: (id) => threads.push(id) });
    await chat.open();
    await chat.send("Hello");
    expect(chat.state()).toMatchObject({ phase: "running", messages: [{ role: "user", text: "Hello" }] });
    world.tell("start", { run_id: "r", thread_id: "t" });
    world.tell("delta", { text: "Good " });
    expect((await until(chat, ({ run }) => run?.text === "Good ")).phase).toBe("running");
    world.tell("tool", { call_id: "c", tool: "look", agent: "a", status: "running" });
    world.tell("tool", { call_id: "c", tool: "look", agent: "a", status: "done", ms: 4 });
    world.tell("delta", { text: "day" });
    world.end("succeeded", { message_id: "m-1" });
    const state = await until(chat, idle);
    expect(state.messages.map(({ role, text }) => `${role}: ${text}`)).toEqual([
      "user: Hello",
      "assistant: Good day",
    ]);
    expect(state.run?.steps).toMatchObject([{ status: "done", ms: 4 }]);
    expect(threads).toEqual(["t"]);
  });

  it("begins one run however often it is asked to meanwhile", async () => {
    const chat = createChat({ client: world.client });
    const sent = [chat.send("Hello"), chat.send("Hello"), chat.send("Hello")];
    const outcomes = (await Promise.allSettled(sent)).map(({ status }) => status);
    expect(outcomes).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(world.begun).toEqual(["Hello"]);
  });

  it("is opened twice without anything done twice, and finds the run that goes on", async () => {
    world.stored = [Message.text_message("Hello", "user", "m-0")];
    world.tell("start", { run_id: "r", thread_id: "t" });
    world.tell("delta", { text: "Good" });
    const chat = createChat({ client: world.client, threadId: "t" });
    void chat.open();
    chat.close();
    void chat.open();
    await until(chat, ({ run }) => run?.text === "Good");
    world.end("succeeded");
    const state = await until(chat, idle);
    expect(state.messages.map(({ text }) => text)).toEqual(["Hello", "Good"]);
    expect(world.begun).toEqual([]);
  });

  it("waits for the person, and goes on with their word where it stopped", async () => {
    const chat = createChat({ client: world.client, threadId: "t" });
    world.status = "succeeded";
    await chat.open();
    await chat.send("Pay");
    world.tell("start", { run_id: "r", thread_id: "t" });
    world.tell("approval", APPROVAL);
    world.end("waiting", { approval_id: "ap" });
    const waiting = await until(chat, ({ phase }) => phase === "waiting");
    expect(waiting.run).toMatchObject({ approval_id: "ap", approvals: [{ id: "ap", status: "pending" }] });
    await expect(chat.send("again")).rejects.toMatchObject({ code: "conflict" });
    await chat.decide("ap", "approve");
    world.tell("delta", { text: "Paid." });
    world.end("succeeded");
    const state = await until(chat, idle);
    expect(state.messages.at(-1)?.text).toBe("Paid.");
    expect(world.decided).toEqual(["ap approve"]);
    expect(world.begun).toEqual(["Pay"]);
  });

  it("shows the question of a call that waits while its run goes on, and none of another run's", async () => {
    const chat = createChat({ client: world.client });
    await chat.send("Pay");
    world.questions = [
      readApproval({ ...APPROVAL, run_id: "r" }),
      readApproval({ id: "other", run_id: "r2" }),
    ];
    world.tell("start", { run_id: "r", thread_id: "t" });
    world.tell("tool", { call_id: "c", tool: "pay", agent: "a", status: "waiting" });
    const asked = await until(chat, ({ run }) => (run?.approvals.length ?? 0) > 0);
    expect(asked).toMatchObject({ phase: "running", run: { approvals: [{ id: "ap", tool: "pay" }] } });
    world.questions = [];
    await chat.decide("ap", "approve");
    world.tell("tool", { call_id: "c", tool: "pay", agent: "a", status: "done" });
    world.end("succeeded");
    expect((await until(chat, idle)).run?.approvals).toMatchObject([{ id: "ap", status: "approved" }]);
  });

  it.each(["running", "waiting"] as const)("is stopped while the run is %s", async (phase) => {
    const chat = createChat({ client: world.client });
    await chat.send("Work");
    world.tell("start", { run_id: "r", thread_id: "t" });
    if (phase === "waiting") world.end("waiting", { approval_id: "ap" });
    await until(chat, (state) => state.phase === phase && state.run?.status === phase);
    await chat.stop();
    expect((await until(chat, idle)).run?.status).toBe("cancelled");
    expect(world.cancelled).toEqual(["r"]);
  });

  it("keeps no message that was not taken, and says why", async () => {
    const chat = createChat({ client: world.client });
    world.refuse = new DeputizeError("rate_limited", "slow down");
    await expect(chat.send("Hello")).rejects.toThrow("slow down");
    expect(chat.state()).toMatchObject({ phase: "idle", messages: [], error: { message: "slow down" } });
    world.refuse = undefined;
    await chat.send("Hello");
    expect(world.begun).toEqual(["Hello"]);
  });

  it("changes nothing any more once it is closed", async () => {
    const chat = createChat({ client: world.client });
    await chat.send("Hello");
    world.tell("start", { run_id: "r", thread_id: "t" });
    await until(chat, ({ run }) => run?.last === 1);
    chat.close();
    const before = chat.state();
    world.tell("delta", { text: "late" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(chat.state()).toBe(before);
  });
});
