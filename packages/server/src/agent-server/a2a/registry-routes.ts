/**
 * The registry of agents over HTTP: who may, registers an agent; whoever is signed in, finds agents of their tenant by what they do.
 *
 * Guarantees: registering is for whom the operator says and nobody else, whatever scopes they hold; an agent of somebody else is "not
 * found" to whoever would take it off or have it asked.
 */
import { AgentCard } from "@a2a-js/sdk";
import { type Caller, DeputizeError } from "@deputize/core";
import { z } from "zod";
import type { AgentRegistry } from "../../a2a/registry/agent-registry.ts";
import type { ListedAgent } from "../../a2a/registry/registry-store.ts";
import { Answer, type AgentRoute, route } from "../route.ts";

export interface RegistryRoutesOptions {
  readonly registry: AgentRegistry;
  /** Who may register agents, and take off and check their own. */
  readonly mayRegister: (caller: Caller) => boolean;
}

const address = z
  .string()
  .min(1)
  .max(2048)
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));
const NewAgent = z.strictObject({
  name: z.string().min(1).max(200),
  url: address,
  card_url: address.optional(),
});
const Query = z.strictObject({
  skill: z.string().min(1).max(200).optional(),
  state: z.enum(["healthy", "unhealthy"]).optional(),
  limit: z.coerce.number().int().min(1).max(200).optional(),
  cursor: z.string().min(1).max(1000).optional(),
});
const Id = z.object({ id: z.uuid() });

const Skill = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
});
const View = z.object({
  id: z.uuid(),
  name: z.string(),
  url: z.string(),
  version: z.string(),
  description: z.string(),
  skills: z.array(Skill),
  state: z.enum(["healthy", "unhealthy", "refused"]),
  registered: z.string(),
  checked: z.string(),
  mine: z.boolean(),
});
const Whole = View.extend({ card: z.looseObject({}), signed_by: z.string() });

function viewOf(agent: ListedAgent, caller: Caller): z.input<typeof View> {
  const { version, description, skills } = AgentCard.fromJSON(agent.card);
  const { id, name, url, state } = agent;
  return {
    id,
    name,
    url,
    version,
    description,
    skills: skills.map((one) => ({
      id: one.id,
      name: one.name,
      description: one.description,
      tags: one.tags,
    })),
    state,
    registered: new Date(agent.registered).toISOString(),
    checked: new Date(agent.checked).toISOString(),
    mine: agent.owner === caller.subject,
  };
}

const wholeOf = (agent: ListedAgent, caller: Caller): z.input<typeof Whole> => ({
  ...viewOf(agent, caller),
  card: agent.card as Record<string, unknown>,
  signed_by: agent.kid,
});

export function registryRoutes({ registry, mayRegister }: RegistryRoutesOptions): readonly AgentRoute[] {
  const group = "Registry of agents";
  const admit = (caller: Caller): void => {
    if (mayRegister(caller) !== true)
      throw new DeputizeError("forbidden", "registering agents is for whom this server's operator names");
  };
  return [
    route({
      method: "POST",
      path: "/v1/registry/agents",
      group,
      summary: "Registers an agent, once its signed card was read and holds.",
      scope: "registry:write",
      body: NewAgent,
      answer: Whole,
      status: 201,
      handler: async ({ caller, body: { name, url, card_url: cardUrl } }) => {
        admit(caller);
        const asked = { name, url, ...(cardUrl !== undefined && { cardUrl }) };
        return wholeOf(await registry.register(caller, asked), caller);
      },
    }),
    route({
      method: "GET",
      path: "/v1/registry/agents",
      group,
      summary: "Agents of the caller's tenant that answer, by name; of one skill or tag, where it is named.",
      scope: "registry:read",
      query: Query,
      answer: z.object({ agents: z.array(View), next: z.string().optional() }),
      handler: async ({ caller, query: { skill, state, limit, cursor } }) => {
        const { agents, next } = await registry.list(caller, {
          ...(skill !== undefined && { skill }),
          ...(state !== undefined && { state }),
          ...(limit !== undefined && { limit }),
          ...(cursor !== undefined && { cursor }),
        });
        return { agents: agents.map((one) => viewOf(one, caller)), ...(next !== undefined && { next }) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/registry/agents/{id}",
      group,
      summary: "One agent with its card as it was signed.",
      scope: "registry:read",
      params: Id,
      answer: Whole,
      handler: async ({ caller, params: { id } }) => wholeOf(await registry.get(caller, id), caller),
    }),
    route({
      method: "DELETE",
      path: "/v1/registry/agents/{id}",
      group,
      summary: "Takes the caller's own agent off the list.",
      scope: "registry:delete",
      params: Id,
      status: 204,
      handler: async ({ caller, params: { id } }) => {
        admit(caller);
        await registry.remove(caller, id);
        return new Answer(undefined, { status: 204 });
      },
    }),
    route({
      method: "POST",
      path: "/v1/registry/agents/{id}/check",
      group,
      summary: "Asks the caller's own agent for its card now, at most every ten seconds.",
      scope: "registry:write",
      params: Id,
      answer: Whole,
      handler: async ({ caller, params: { id } }) => {
        admit(caller);
        return wholeOf(await registry.check(caller, id), caller);
      },
    }),
  ];
}
