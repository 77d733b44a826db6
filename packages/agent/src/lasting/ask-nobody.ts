/** Lasting work is for agents that do their work themselves. */
import { DeputizeError } from "@deputize/core";
import type { Agent } from "../agent-types.ts";

/**
 * Throws `config_invalid` for an agent that asks others. A call that was under way when its process died is sent again under its own
 * id; whoever is a tool server recognises it. Another agent would think anew, and its model's calls have new ids: done twice.
 */
export function refuseAskers({ name, asks }: Pick<Agent, "name" | "asks">): void {
  if (asks.length === 0) return;
  throw new DeputizeError(
    "config_invalid",
    `${name} asks other agents (${asks.join(", ")}), whose work could be done twice after a crash: give lasting work, and its mandate, to the agent that has the tools`,
  );
}
