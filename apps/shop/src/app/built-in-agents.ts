/** The shop's own agents and services at the authority, each with a key of its own. */
import { createHmac } from "node:crypto";
import type { Authority } from "@deputize/authority";
import type { Secrets } from "@deputize/server/config";
import { AGENTS, type AgentName, SERVICES } from "./policy.ts";

/** Makes those that are missing, and answers the agents' keys. */
export async function ensureBuiltIns(
  { agents }: Pick<Authority, "agents">,
  secrets: Secrets,
): Promise<ReadonlyMap<AgentName, string>> {
  const apiKeys = new Map<AgentName, string>();
  for (const name of AGENTS) {
    const { apiKey } = await agents.ensureBuiltIn(name, secretOf(secrets, name));
    apiKeys.set(name, apiKey);
  }
  for (const name of SERVICES) await agents.ensureBuiltIn(name, secretOf(secrets, name), "service");
  return apiKeys;
}

/** A secret of its own for each agent and service, from the installation's root. */
function secretOf(secrets: Secrets, name: string): string {
  return createHmac("sha256", Buffer.from(secrets.agentRoot, "hex")).update(`api-key:${name}`).digest("hex");
}
