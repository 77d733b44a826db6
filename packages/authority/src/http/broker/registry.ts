/**
 * `GET /v1/agents`: living workers of the caller's own app with their keys; `POST /v1/agents/heartbeat`.
 *
 * Guarantees: workers of other apps look like workers that do not exist [AW-D11].
 */
import { DeputizeError, scopeIsSubset } from "@deputize/core";
import { type Context, Hono } from "hono";
import type { RegisteredWorker, Registry, WorkerQuery } from "../../broker/registry.ts";
import { rfc3339 } from "./apps.ts";
import type { BrokerGuard } from "./guard.ts";
import { readBrokerQuery } from "./read-body.ts";
import { WorkersQuery } from "./schemas.ts";

const APP_SCOPE = "app:agents:*";

function shown(worker: RegisteredWorker): Record<string, unknown> {
  return {
    agent_id: worker.agentId,
    public_key: worker.publicKey,
    app_id: worker.appId,
    orch_id: worker.orchId,
    task_id: worker.taskId,
    expires_at: rfc3339(worker.expiresAt),
    ...(worker.heardAt !== undefined && { last_heartbeat: rfc3339(worker.heardAt) }),
  };
}

export function registryRoutes({ registry, guard }: { registry: Registry; guard: BrokerGuard }): Hono {
  const app = new Hono();

  function find(c: Context, query: WorkerQuery) {
    const by = c.get("brokerCaller");
    if (by.kind === "app" && !scopeIsSubset([APP_SCOPE], by.scopes))
      throw new DeputizeError("insufficient_scope", `this needs the scope \`${APP_SCOPE}\``);
    return registry.find(by, query);
  }

  app.get("/v1/agents", guard.bearer(), async (c) => {
    const query = readBrokerQuery(c, WorkersQuery);
    if (query.jti !== undefined && query.agent_id === undefined)
      throw new DeputizeError("invalid_request", "name the worker of the token by `agent_id`");
    const { agents, next } = await find(c, {
      ...(query.agent_id !== undefined && { agentId: query.agent_id }),
      ...(query.jti !== undefined && { jti: query.jti }),
      ...(query.task_id !== undefined && { taskId: query.task_id }),
      ...(query.orch_id !== undefined && { orchId: query.orch_id }),
      ...(query.limit !== undefined && { limit: query.limit }),
      ...(query.cursor !== undefined && { cursor: query.cursor }),
    });
    return c.json({ agents: agents.map(shown), ...(next !== undefined && { next }) });
  });

  app.get("/v1/agents/:id", guard.bearer(), async (c) => {
    const { agents } = await find(c, { agentId: c.req.param("id") });
    if (!agents[0]) throw new DeputizeError("not_found", "there is no such worker, or it has ended");
    return c.json(shown(agents[0]));
  });

  app.post("/v1/agents/heartbeat", guard.bearer(), async (c) => {
    const { everySeconds, misses } = await registry.beat(c.get("brokerCaller"));
    return c.json({ every_seconds: everySeconds, misses });
  });

  return app;
}
