/**
 * Where the registry keeps the agents that are listed: in this process, or in the database (sql-registry.ts).
 *
 * Guarantees: one name and one address is listed once in a tenant; whoever asks for agents to check gets them for themselves, so that
 * two replicas do not check the same one at a time.
 */
import { DeputizeError } from "@deputize/core";

export type AgentState = "healthy" | "unhealthy" | "refused";

/** Times in epoch milliseconds. */
export interface ListedAgent {
  readonly id: string;
  readonly tenant: string;
  readonly owner: string;
  readonly name: string;
  readonly url: string;
  readonly cardUrl?: string;
  /** The card as it was signed, in JSON. */
  readonly card: unknown;
  readonly kid: string;
  /** In lower case: ids and tags of its skills. */
  readonly skills: readonly string[];
  readonly state: AgentState;
  /** Checks that failed one after another. */
  readonly failures: number;
  readonly registered: number;
  readonly checked: number;
  readonly nextCheck: number;
}

export type CheckResult = Pick<ListedAgent, "state" | "failures" | "checked" | "nextCheck"> &
  Partial<Pick<ListedAgent, "card" | "kid" | "skills">>;

export interface RegistryFilter {
  readonly skill?: string;
  readonly states: readonly AgentState[];
  /** Names after this one. */
  readonly after?: string;
  readonly limit: number;
}

export interface RegistryStore {
  /** Throws `conflict` for a name or an address that is listed, and `limit_exceeded` past `most` of one owner. */
  add(agent: ListedAgent, most: number): Promise<void>;
  /** In the order of their names. */
  list(tenant: string, filter: RegistryFilter): Promise<readonly ListedAgent[]>;
  find(tenant: string, id: string): Promise<ListedAgent | undefined>;
  /** False when it is not there, or somebody else's. */
  remove(tenant: string, owner: string, id: string): Promise<boolean>;
  /** Takes agents whose check is due, so that nobody else gets them before `until`. */
  takeDue(now: number, until: number, limit: number): Promise<readonly ListedAgent[]>;
  record(id: string, result: CheckResult): Promise<void>;
}

export const listedAlready = (): DeputizeError =>
  new DeputizeError("conflict", "an agent of this name or at this address is registered already");
export const tooMany = (most: number): DeputizeError =>
  new DeputizeError("limit_exceeded", `one caller registers ${most} agents at most`);

/** Keeps the agents in this process; they are gone with it. */
export function memoryRegistry(): RegistryStore {
  const agents = new Map<string, ListedAgent>();
  const all = (): ListedAgent[] => [...agents.values()];
  const byName = (a: ListedAgent, b: ListedAgent): number => (a.name < b.name ? -1 : 1);
  return {
    async add(agent, most) {
      const others = all().filter(({ tenant }) => tenant === agent.tenant);
      if (others.some(({ name, url }) => name === agent.name || url === agent.url)) throw listedAlready();
      if (others.filter(({ owner }) => owner === agent.owner).length >= most) throw tooMany(most);
      agents.set(agent.id, agent);
    },
    async list(tenant, { skill, states, after, limit }) {
      return all()
        .filter(
          (one) =>
            one.tenant === tenant &&
            states.includes(one.state) &&
            (skill === undefined || one.skills.includes(skill)) &&
            (after === undefined || one.name > after),
        )
        .toSorted(byName)
        .slice(0, limit);
    },
    async find(tenant, id) {
      const found = agents.get(id);
      return found?.tenant === tenant ? found : undefined;
    },
    async remove(tenant, owner, id) {
      const found = agents.get(id);
      return found?.tenant === tenant && found.owner === owner && agents.delete(id);
    },
    async takeDue(now, until, limit) {
      const due = all()
        .filter(({ nextCheck }) => nextCheck <= now)
        .toSorted((a, b) => a.nextCheck - b.nextCheck)
        .slice(0, limit);
      for (const one of due) agents.set(one.id, { ...one, nextCheck: until });
      return due;
    },
    async record(id, result) {
      const found = agents.get(id);
      if (found) agents.set(id, { ...found, ...result });
    },
  };
}
