/**
 * `/v1/admin/agents`: agents with API keys, as operators manage them. An agent that an operator registers is vouched for; it
 * still holds no permission until it is given one.
 */
import { type Context, Hono } from "hono";
import { readJson } from "@deputize/client";
import type { Agents } from "../../agents/agents.ts";
import { agentManagementRoutes, keyAnswer } from "../agent-management.ts";
import { RegisterAgentBody } from "../agent-schemas.ts";
import type { BrokerGuard } from "../broker/guard.ts";

const BASE = "/v1/admin/agents";
const AGENTS_SCOPE = "admin:agents:*";

export function operatorAgentRoutes(options: {
  readonly guard: BrokerGuard;
  readonly agents: Agents;
  readonly sourceOf: (c: Context) => string;
}): Hono {
  const { guard, agents, sourceOf } = options;
  const app = new Hono();
  app.use(BASE, guard.bearer(AGENTS_SCOPE));
  app.use(`${BASE}/*`, guard.bearer(AGENTS_SCOPE));
  app.post(BASE, async (c) => {
    const body = await readJson(c, RegisterAgentBody);
    const made = await agents.register({
      name: body.agent_name,
      ownerEmail: body.owner_email,
      vouchedBy: c.get("brokerCaller").principal,
      source: sourceOf(c),
    });
    return c.json({ agent_id: made.agentId, ...keyAnswer(made) }, 201);
  });
  const manager = (c: Context) => {
    const { tenant, principal } = c.get("brokerCaller");
    return { tenant, subject: principal, isAdmin: true };
  };
  app.route("/", agentManagementRoutes({ agents, base: BASE, manager }));
  return app;
}
