/**
 * Threads: the conversations that the server's agents have with their callers, under one set of ids.
 *
 * Guarantees: a thread is its owner's; another's, a removed one and one that never was answer in the same words [AF-F08]. Nothing is
 * kept here: it is all in the agents' own stores.
 */
import type { BuiltAgent, ConversationFacts, ConversationSummary } from "@deputize/agent";
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import { conversationId } from "./schemas.ts";

export interface Thread {
  readonly agent: BuiltAgent;
  /** As it is kept: a UUID. */
  readonly id: string;
  readonly facts: ConversationFacts;
}

export interface ListedThread extends ConversationSummary {
  readonly agent: string;
}

export interface ThreadKeeper {
  /** Throws `not_found`. */
  find(caller: Caller, threadId: string): Promise<Thread>;
  begin(
    caller: Caller,
    thread?: {
      readonly id?: string | undefined;
      readonly agent?: string | undefined;
      readonly title?: string | undefined;
      readonly metadata?: Readonly<Record<string, unknown>> | undefined;
    },
  ): Promise<Thread>;
  /** Newest first. */
  list(
    caller: Caller,
    page: {
      readonly search?: string | undefined;
      readonly agent?: string | undefined;
      readonly offset: number;
      readonly limit: number;
    },
  ): Promise<readonly ListedThread[]>;
  /** The agent of a name, or the first. Throws `not_found`. */
  agent(name?: string): BuiltAgent;
  /** True for what `find` throws. */
  isMissing(error: unknown): boolean;
}

const PAGE = 100;

export function threadNotFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such thread");
}

export function threadKeeper(agents: ReadonlyMap<string, BuiltAgent>): ThreadKeeper {
  const all = [...agents.values()];

  function agentOf(name?: string): BuiltAgent {
    const found = name === undefined ? all[0] : agents.get(name);
    if (!found) throw new DeputizeError("not_found", "there is no such agent");
    return found;
  }

  /** The first `count` threads with an agent that match. */
  async function newest(
    caller: Caller,
    agent: BuiltAgent,
    count: number,
    matches: (title: string) => boolean,
  ): Promise<ListedThread[]> {
    const found: ListedThread[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await agent.core.conversations.list(caller, {
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      });
      for (const one of page.conversations) if (matches(one.title)) found.push({ ...one, agent: agent.name });
      if (found.length >= count || page.next === undefined) return found.slice(0, count);
      cursor = page.next;
    }
  }

  return {
    agent: agentOf,
    isMissing: (error) => isDeputizeError(error, "not_found"),
    async find(caller, threadId) {
      const id = conversationId(threadId);
      for (const agent of all) {
        try {
          return { agent, id, facts: await agent.core.conversations.facts(caller, id) };
        } catch (error) {
          if (!isDeputizeError(error, "not_found")) throw error;
        }
      }
      throw threadNotFound();
    },
    async begin(caller, { id, agent: name, title, metadata } = {}) {
      const agent = agentOf(name);
      const facts = await agent.core.conversations.begin(caller, {
        ...(id !== undefined && { id: conversationId(id) }),
        ...(title !== undefined && { title }),
        ...(metadata && { metadata }),
      });
      return { agent, id: facts.id, facts };
    },
    async list(caller, { search, agent: name, offset, limit }) {
      const words = search?.trim().toLowerCase() ?? "";
      const matches = (title: string): boolean => words === "" || title.toLowerCase().includes(words);
      const some = name === undefined ? all : [agentOf(name)];
      const lists = await Promise.all(some.map((agent) => newest(caller, agent, offset + limit, matches)));
      return lists
        .flat()
        .sort((a, b) =>
          a.last_message < b.last_message ? 1 : a.last_message > b.last_message ? -1 : a.id < b.id ? 1 : -1,
        )
        .slice(offset, offset + limit);
    },
  };
}
