/**
 * Two at once, step by step: one stops before each of its steps in turn, the other does all of its work meanwhile, then the first
 * goes on. Whatever the order, one of them wins, and all that is stored is whole [PR-D25] [PR-D28].
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { type ManualClock, manualClock, newId, randomHex } from "@deputize/core";
import { type Store, type Tx, redisClient } from "@deputize/store";
import { alice, openAgentStore } from "../agent.fixture.ts";
import { AGENT, START, answer, talk, turnOf, waitingTurn } from "./contract.fixture.ts";
import { type ConversationRoom, LEASE_MS } from "./conversation-store.ts";
import type { DocumentBackend } from "./document-backend.ts";
import { documentStore } from "./document-room.ts";
import { memoryBackend } from "./memory-store.ts";
import { PostgresConversationStore } from "./postgres-store.ts";
import { redisBackend } from "./redis-store.ts";

/** Stops whoever passes at one step, until it is let go. */
class Gate {
  #step = 0;
  #open = (): void => {};
  #reach = (): void => {};
  readonly reached = new Promise<"reached">((resolve) => {
    this.#reach = () => resolve("reached");
  });
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  async pass(): Promise<void> {
    this.#step += 1;
    if (this.#step !== this.#at) return;
    this.#reach();
    await this.#opened;
  }

  open(): void {
    this.#open();
  }
}

interface Raced {
  /** A room whose every step passes the gate, and one that passes none. */
  rooms(clock: ManualClock, gate: Gate): { slow: ConversationRoom; quick: ConversationRoom };
}

function overBackend(slow: DocumentBackend, quick: DocumentBackend): Raced {
  return {
    rooms: (clock, gate) => {
      const gated: DocumentBackend = {
        ...slow,
        read: async (...args) => (await gate.pass(), slow.read(...args)),
        write: async (...args) => (await gate.pass(), slow.write(...args)),
        messages: async (...args) => (await gate.pass(), slow.messages(...args)),
        resolve: async (...args) => (await gate.pass(), slow.resolve(...args)),
      };
      return {
        slow: documentStore(gated).open(AGENT, clock),
        quick: documentStore(quick).open(AGENT, clock),
      };
    },
  };
}

function overPostgres(slow: Store, quick: Store): Raced {
  return {
    rooms: (clock, gate) => {
      const gated: Store = {
        ...slow,
        asCaller: (caller, work, options) =>
          slow.asCaller(
            caller,
            (tx) => {
              const query: Tx["query"] = async (...args) => (await gate.pass(), tx.query(...args));
              return work({ ...tx, query } as Tx);
            },
            options,
          ),
      };
      return {
        slow: new PostgresConversationStore(gated).open(AGENT, clock),
        quick: new PostgresConversationStore(quick).open(AGENT, clock),
      };
    },
  };
}

type Work = (room: ConversationRoom) => Promise<unknown>;

interface Race {
  readonly name: string;
  /** What comes before; gives the work of the two. */
  prepare(
    room: ConversationRoom,
    clock: ManualClock,
  ): Promise<{ readonly id: string; readonly slow: Work; readonly quick: Work }>;
  /** How many of the two may have done their work. */
  readonly winners: readonly number[];
}

const races: readonly Race[] = [
  {
    name: "two first messages on one id",
    winners: [1],
    prepare: async () => {
      const id = newId();
      const claim = (text: string) => (room: ConversationRoom) => room.claimTurn(alice, turnOf(text, id));
      return { id, slow: claim("slow"), quick: claim("quick") };
    },
  },
  {
    name: "two messages in one conversation",
    winners: [1],
    prepare: async (room, clock) => {
      const { conversationId: id } = await talk({ room, clock }, alice, "before");
      const claim = (text: string) => (r: ConversationRoom) => r.claimTurn(alice, turnOf(text, id));
      return { id, slow: claim("slow"), quick: claim("quick") };
    },
  },
  {
    name: "a late answer and a message that takes its conversation over",
    winners: [1, 2],
    prepare: async (room, clock) => {
      const run = await room.claimTurn(alice, turnOf("dead?"));
      clock.advance(LEASE_MS + 1);
      return {
        id: run.conversationId,
        slow: (r) => r.finish(alice, run, "done", answer("late")),
        quick: (r) => r.claimTurn(alice, turnOf("next", run.conversationId)),
      };
    },
  },
  {
    name: "a message that takes a conversation over and a late answer",
    winners: [1, 2],
    prepare: async (room, clock) => {
      const run = await room.claimTurn(alice, turnOf("dead?"));
      clock.advance(LEASE_MS + 1);
      return {
        id: run.conversationId,
        slow: (r) => r.claimTurn(alice, turnOf("next", run.conversationId)),
        quick: (r) => r.finish(alice, run, "done", answer("late")),
      };
    },
  },
  {
    name: "two resumptions",
    winners: [1],
    prepare: async (room, clock) => {
      const paused = await waitingTurn({ room, clock }, alice);
      const resume: Work = (r) => r.claimResumption(alice, paused.approvalId);
      return { id: paused.conversationId, slow: resume, quick: resume };
    },
  },
  {
    name: "a resumption and a message",
    winners: [1],
    prepare: async (room, clock) => {
      const paused = await waitingTurn({ room, clock }, alice);
      return {
        id: paused.conversationId,
        slow: (r) => r.claimResumption(alice, paused.approvalId),
        quick: (r) => r.claimTurn(alice, turnOf("meanwhile", paused.conversationId)),
      };
    },
  },
  {
    name: "an answer and a removal",
    winners: [1, 2],
    prepare: async (room) => {
      const run = await room.claimTurn(alice, turnOf("hi"));
      return {
        id: run.conversationId,
        slow: (r) => r.finish(alice, run, "done", answer("late")),
        quick: (r) => r.delete(alice, run.conversationId),
      };
    },
  },
];

function raceThem(name: string, open: () => Promise<Raced>, close: () => Promise<void>): void {
  describe(`races: ${name}`, () => {
    let opened: Promise<Raced> | undefined;
    afterAll(close);

    it.each(races)("$name", async ({ prepare, winners }) => {
      const raced = await (opened ??= open());
      for (let step = 1, passed = true; passed; step += 1) {
        const clock = manualClock(START);
        const gate = new Gate(step);
        const { slow, quick } = raced.rooms(clock, gate);
        const work = await prepare(quick, clock);
        const first = Promise.allSettled([work.slow(slow)]);
        passed = (await Promise.race([gate.reached, first.then(() => "ended")])) === "reached";
        // Where the first holds a lock, the second waits for it; elsewhere it gets all of its work done.
        const second = Promise.allSettled([work.quick(quick)]);
        await Promise.race([second, sleep(100)]);
        gate.open();
        const results = [...(await first), ...(await second)];
        const won = results.filter(({ status }) => status === "fulfilled").length;
        expect(winners, `paused before step ${step}`).toContain(won);
        for (const result of results)
          if (result.status === "rejected") expect(["conflict", "not_found"]).toContain(result.reason.code);
        const stored = await quick.get(alice, work.id).catch(() => ({ messages: [] }));
        const seqs = stored.messages.map(({ seq }) => seq);
        expect(seqs).toEqual(seqs.map((_, index) => index + 1));
        const said = stored.messages.map(({ content }) => content);
        for (const [index, text] of ["slow", "quick"].entries())
          if (said.includes(text)) expect(results[index]?.status).toBe("fulfilled");
      }
    });
  });
}

const nothing = async (): Promise<void> => {};
const memory = memoryBackend({ maxConversations: 1_000, maxMessages: 100 });
raceThem("in memory", async () => overBackend(memory, memory), nothing);

let closePostgres = nothing;
raceThem(
  "postgres",
  async () => {
    const store = await openAgentStore();
    closePostgres = () => store.close();
    return overPostgres(store, await store.sibling());
  },
  () => closePostgres(),
);

const url = process.env["DEPUTIZE_TEST_REDIS_URL"] || undefined;
if (url !== undefined) {
  const clients = [redisClient(url), redisClient(url)] as const;
  const prefix = `test:${randomHex(6)}`;
  raceThem(
    "redis",
    async () =>
      overBackend(redisBackend(clients[0], prefix, 60_000), redisBackend(clients[1], prefix, 60_000)),
    async () => {
      for (const client of clients) client.disconnect();
    },
  );
}
