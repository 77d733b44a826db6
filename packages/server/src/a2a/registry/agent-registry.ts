/**
 * The registry of agents: which agents there are, what they do, and whether they answer.
 *
 * Guarantees: an agent is listed only after its card was read within bounds, found signed by whoever is trusted, and bound to the name and
 * address that were given (fetch-card.ts). It is asked for its card again on a schedule: one that does not answer is told as unhealthy
 * after the second time and asked more and more seldom; one whose card no longer holds is taken off the list at once. Requests go to
 * public addresses only, unless private ones are allowed, since whoever registers says where. An agent is its owner's to take off, and
 * its tenant's to see.
 * Does not: vouch for what an agent says of itself. A description is somebody else's words.
 * Attack answered: a registry as a way to send requests into our network; listing a copy of a known agent under another address.
 */
import { AgentCard } from "@a2a-js/sdk";
import { checkedFetch, type CheckedFetchOptions } from "@deputize/agent";
import { type Caller, type Clock, DeputizeError, isDeputizeError, newId, systemClock } from "@deputize/core";
import { type CardTrust, cardVerifier } from "../card-trust.ts";
import { type AgentAddress, fetchAgentCard } from "../fetch-card.ts";
import type { AgentState, CheckResult, ListedAgent, RegistryStore } from "./registry-store.ts";

export interface AgentRegistryOptions extends CheckedFetchOptions {
  readonly store: RegistryStore;
  /** Whose signatures cards must bear. */
  readonly trust: CardTrust;
  readonly clock?: Clock;
  /** How often an agent that answers is asked again. 300,000 unless set. */
  readonly everyMs?: number;
  /** How many agents one caller may register. 50 unless set. */
  readonly mostPerOwner?: number;
  /** Hears of rounds that failed. */
  readonly onFault?: (error: unknown) => void;
}

export interface RegistryQuery {
  /** An id or a tag of a skill, whatever its case. */
  readonly skill?: string;
  /** `healthy` unless told. */
  readonly state?: Exclude<AgentState, "refused">;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface RegistryPage {
  readonly agents: readonly ListedAgent[];
  readonly next?: string;
}

export interface AgentRegistry {
  /** Throws `validation_failed` for a card that does not hold, `unavailable`, `conflict`, `limit_exceeded`. */
  register(caller: Caller, address: AgentAddress): Promise<ListedAgent>;
  list(caller: Caller, query?: RegistryQuery): Promise<RegistryPage>;
  /** Throws `not_found`; so it does for an agent whose card no longer holds, unless it is the caller's own. */
  get(caller: Caller, id: string): Promise<ListedAgent>;
  /** Takes it off. Throws `not_found`, for somebody else's too. */
  remove(caller: Caller, id: string): Promise<void>;
  /** Asks the caller's own agent now. Throws `not_found`, and `rate_limited` within ten seconds of the last time. */
  check(caller: Caller, id: string): Promise<ListedAgent>;
  /** Asks those whose time has come; answers how many. */
  checkDue(): Promise<number>;
  /** Asks them from now on, until `close`. */
  start(): void;
  close(): void;
}

const EVERY_MS = 300_000;
const MOST_EVERY_MS = 3_600_000;
const ROUND_MS = 15_000;
const ROUND_AGENTS = 40;
const AT_ONCE = 4;
/** An agent that was taken for a check is left to whoever took it for so long. */
const TAKEN_MS = 120_000;
const AGAIN_MS = 10_000;
const UNHEALTHY_AFTER = 2;
const MOST_PER_OWNER = 50;
const PAGE = 50;
const MOST_PAGE = 200;

const missing = (): DeputizeError => new DeputizeError("not_found", "there is no such agent");

/** What an agent is found by. */
function skillsOf(card: AgentCard): string[] {
  const words = card.skills.flatMap(({ id, tags }) => [id, ...tags]).map((word) => word.toLowerCase());
  return [...new Set(words.filter((word) => word !== "" && word.length <= 200))].slice(0, 500);
}

/** Makes the registry. Throws `config_invalid` when nobody is trusted. */
export function agentRegistry(options: AgentRegistryOptions): AgentRegistry {
  const { store, clock = systemClock, everyMs = EVERY_MS, mostPerOwner = MOST_PER_OWNER } = options;
  const net = checkedFetch(options);
  const verifier = cardVerifier({ ...options.trust, fetch: net.fetch, clock });
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<number> | undefined;

  async function read(address: AgentAddress): Promise<Pick<ListedAgent, "card" | "kid" | "skills">> {
    const { card, kid } = await fetchAgentCard(address, { verifier, fetch: net.fetch });
    return { card: AgentCard.toJSON(card), kid, skills: skillsOf(card) };
  }

  async function checked(agent: ListedAgent): Promise<ListedAgent> {
    const result = await resultOf(agent);
    await store.record(agent.id, result);
    return { ...agent, ...result };
  }

  async function resultOf(agent: ListedAgent): Promise<CheckResult> {
    try {
      const found = await read(agent);
      const now = clock.nowMs();
      return { ...found, state: "healthy", failures: 0, checked: now, nextCheck: now + everyMs };
    } catch (error) {
      const now = clock.nowMs();
      const failures = agent.failures + 1;
      const nextCheck = now + Math.min(everyMs * 2 ** Math.min(failures, 10), MOST_EVERY_MS);
      // Not that it is silent, but that it is no longer what was listed.
      if (isDeputizeError(error, "forbidden")) return { state: "refused", failures, checked: now, nextCheck };
      const silent = failures >= UNHEALTHY_AFTER && agent.state !== "refused";
      return { state: silent ? "unhealthy" : agent.state, failures, checked: now, nextCheck };
    }
  }

  async function own(caller: Caller, id: string): Promise<ListedAgent> {
    const found = await store.find(caller.tenant, id);
    if (found?.owner !== caller.subject) throw missing();
    return found;
  }

  async function checkDue(): Promise<number> {
    const now = clock.nowMs();
    const due = [...(await store.takeDue(now, now + TAKEN_MS, ROUND_AGENTS))];
    const total = due.length;
    const worker = async (): Promise<void> => {
      for (let next = due.pop(); next; next = due.pop()) await checked(next);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return total;
  }

  return {
    async register(caller, address) {
      let found: Awaited<ReturnType<typeof read>>;
      try {
        found = await read(address);
      } catch (error) {
        if (isDeputizeError(error, "forbidden") || isDeputizeError(error, "config_invalid"))
          throw new DeputizeError("validation_failed", error.message, { cause: error });
        throw error;
      }
      const now = clock.nowMs();
      const { name, url, cardUrl } = address;
      const agent: ListedAgent = {
        id: newId(clock),
        tenant: caller.tenant,
        owner: caller.subject,
        name,
        url,
        ...(cardUrl !== undefined && { cardUrl }),
        ...found,
        state: "healthy",
        failures: 0,
        registered: now,
        checked: now,
        nextCheck: now + everyMs,
      };
      await store.add(agent, mostPerOwner);
      return agent;
    },

    async list(caller, query = {}) {
      const limit = Math.min(Math.max(query.limit ?? PAGE, 1), MOST_PAGE);
      const after = query.cursor === undefined ? undefined : nameOf(query.cursor);
      const found = await store.list(caller.tenant, {
        states: [query.state ?? "healthy"],
        ...(query.skill !== undefined && { skill: query.skill.toLowerCase() }),
        ...(after !== undefined && { after }),
        limit: limit + 1,
      });
      const agents = found.slice(0, limit);
      const last = agents.at(-1);
      return { agents, ...(last && found.length > limit && { next: cursorOf(last.name) }) };
    },

    async get(caller, id) {
      const found = await store.find(caller.tenant, id);
      if (!found || (found.state === "refused" && found.owner !== caller.subject)) throw missing();
      return found;
    },

    async remove(caller, id) {
      if (!(await store.remove(caller.tenant, caller.subject, id))) throw missing();
    },

    async check(caller, id) {
      const agent = await own(caller, id);
      const waitMs = agent.checked + AGAIN_MS - clock.nowMs();
      if (waitMs > 0)
        throw new DeputizeError("rate_limited", "it was checked just now", {
          retryAfterSeconds: Math.ceil(waitMs / 1000),
        });
      return checked(agent);
    },

    checkDue,
    start() {
      const tick = (): void => {
        round ??= checkDue().finally(() => {
          round = undefined;
        });
        round.catch((error: unknown) => options.onFault?.(error));
      };
      timer ??= setInterval(tick, ROUND_MS);
      timer.unref();
    },
    close() {
      clearInterval(timer);
      net.close();
    },
  };
}

const cursorOf = (name: string): string => Buffer.from(name).toString("base64url");

function nameOf(cursor: string): string {
  const name = Buffer.from(cursor, "base64url").toString("utf8");
  if (name === "" || name.includes("\0") || !name.isWellFormed())
    throw new DeputizeError("invalid_request", "the cursor is not one of ours");
  return name;
}
