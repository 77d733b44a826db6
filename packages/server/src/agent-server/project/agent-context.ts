/**
 * What an agent of a project is made with, and what its file may export.
 *
 * Guarantees: stores, log and model are those of the configuration, one of each for all agents; what is exported is an agent, or a
 * function that makes one, and nothing else is taken for it.
 */
import { type BuiltAgent, type ConversationStore, type MemoryProvider } from "@deputize/agent";
import type { AuditLog } from "@deputize/audit";
import { DeputizeError, faultInOneLine } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";

export interface AgentContext {
  /** The name that the configuration gives it. */
  readonly name: string;
  /** `models.default`, or the setting of the environment; `offline` where nobody says. For `buildAgent`. */
  readonly model: string;
  readonly fallback: readonly string[];
  readonly conversations: ConversationStore;
  readonly memories: MemoryProvider | undefined;
  readonly audit: Pick<AuditLog, "append">;
  /** The database, where the configuration has one. */
  readonly store: Store | undefined;
  readonly ephemeral: Ephemeral;
  /** What `container` of the configuration exports. */
  readonly container: unknown;
  /** The environment with `.env` below it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type AgentMaker = (context: AgentContext) => BuiltAgent | Promise<BuiltAgent>;

/** For files of agents: `export default defineAgent((context) => buildAgent({ … }))`. Nothing but the type. */
export function defineAgent(make: AgentMaker): AgentMaker {
  return make;
}

const PARTS = ["run", "stream", "admit", "close"] as const;

/** The agent that a file exports. Throws `config_invalid`. */
export async function agentOf(value: unknown, setting: string, context: AgentContext): Promise<BuiltAgent> {
  let made: unknown = await value;
  if (typeof value === "function") {
    try {
      made = await (value as AgentMaker)(context);
    } catch (cause) {
      throw new DeputizeError(
        "config_invalid",
        `${setting}: the agent was not made: ${faultInOneLine(cause)}`,
        { cause },
      );
    }
  }
  const one = made as Partial<BuiltAgent> | null | undefined;
  if (typeof one === "object" && one !== null && PARTS.every((part) => typeof one[part] === "function"))
    return one as BuiltAgent;
  throw new DeputizeError(
    "config_invalid",
    `${setting}: is no agent; export default defineAgent((context) => buildAgent({ … })), or an agent that was built`,
  );
}
