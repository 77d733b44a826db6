/**
 * What is decided about agents: confirm, permit, suspend, change keys. The same routes for people, below `/agents`, and for
 * operators, below `/v1/admin/agents`; who may manage which agent is the room's to say.
 */
import { type Context, Hono } from "hono";
import { parseInput, readJson } from "@deputize/client";
import type { AgentManager } from "../agents/agent-rows.ts";
import type { Agents } from "../agents/agents.ts";
import type { NewKey } from "../agents/api-keys.ts";
import * as shapes from "./agent-schemas.ts";

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/** A new key on the wire, answered once. */
export function keyAnswer(made: NewKey): Record<string, string> {
  return {
    api_key: made.apiKey,
    key_id: made.keyId,
    ...(made.expires !== undefined && { expires_at: made.expires }),
  };
}

/** The caller of these routes sets how errors are told. */
export function agentManagementRoutes(options: {
  readonly agents: Agents;
  /** Without a slash at the end. */
  readonly base: string;
  /** Who asks. Throws when they may not manage agents at all. */
  readonly manager: (c: Context) => AgentManager | Promise<AgentManager>;
}): Hono {
  const { agents, base, manager } = options;
  const app = new Hono();

  app.get(base, async (c) => {
    const by = await manager(c);
    const { limit, cursor } = parseInput(shapes.AgentListQuery, c.req.query());
    const page = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) };
    return c.json(await agents.list(by, page));
  });

  const one = `${base}/:id{${UUID}}` as "/agents/:id";
  app.get(one, async (c) => c.json(await agents.get(await manager(c), c.req.param("id"))));
  app.patch(one, async (c) => {
    const by = await manager(c);
    const id = c.req.param("id");
    const { status, agent_name } = await readJson(c, shapes.ChangeAgentBody);
    if (agent_name !== undefined) await agents.rename(by, id, agent_name);
    if (status === "active") await agents.resume(by, id);
    if (status === "suspended") await agents.suspend(by, id);
    return c.json(await agents.get(by, id));
  });
  app.delete(one, async (c) => {
    await agents.remove(await manager(c), c.req.param("id"));
    return c.body(null, 204);
  });
  for (const verb of ["confirm", "suspend", "resume"] as const) {
    app.post(`${one}/${verb}`, async (c) => {
      const by = await manager(c);
      await agents[verb](by, c.req.param("id"));
      return c.json(await agents.get(by, c.req.param("id")));
    });
  }

  app.get(`${one}/permissions`, async (c) =>
    c.json(await agents.permissions.view(await manager(c), c.req.param("id"))),
  );
  app.put(`${one}/permissions`, async (c) => {
    const by = await manager(c);
    const { permissions, roles } = await readJson(c, shapes.SetPermissionsBody);
    await agents.permissions.set(by, c.req.param("id"), {
      permissions: permissions.map(({ permission, expires_at }) => ({
        permission,
        ...(expires_at !== undefined && { expiresAt: expires_at }),
      })),
      ...(roles && { roles }),
    });
    return c.json(await agents.permissions.view(by, c.req.param("id")));
  });
  app.delete(`${one}/permissions`, async (c) => {
    await agents.permissions.set(await manager(c), c.req.param("id"), { permissions: [], roles: [] });
    return c.body(null, 204);
  });
  app.post(`${one}/permissions`, async (c) => {
    const by = await manager(c);
    const { permission, expires_at } = await readJson(c, shapes.AddPermissionBody);
    await agents.permissions.add(by, c.req.param("id"), {
      permission,
      ...(expires_at !== undefined && { expiresAt: expires_at }),
    });
    return c.json(await agents.get(by, c.req.param("id")));
  });
  app.delete(`${one}/permissions/:permission`, async (c) => {
    await agents.permissions.remove(await manager(c), c.req.param("id"), c.req.param("permission"));
    return c.body(null, 204);
  });
  app.put(`${one}/roles/:role`, async (c) => {
    await agents.permissions.addRole(await manager(c), c.req.param("id"), c.req.param("role"));
    return c.body(null, 204);
  });
  app.delete(`${one}/roles/:role`, async (c) => {
    await agents.permissions.removeRole(await manager(c), c.req.param("id"), c.req.param("role"));
    return c.body(null, 204);
  });

  app.get(`${one}/keys`, async (c) =>
    c.json({ keys: await agents.keys(await manager(c), c.req.param("id")) }),
  );
  app.post(`${one}/keys`, async (c) => {
    c.header("Cache-Control", "no-store");
    const by = await manager(c);
    const { scopes, expires_at } = await readJson(c, shapes.NewKeyBody);
    const made = await agents.createKey(by, c.req.param("id"), {
      ...(scopes && { scopes }),
      ...(expires_at !== undefined && { expiresAt: expires_at }),
    });
    return c.json(keyAnswer(made), 201);
  });
  app.post(`${one}/keys/:key/rotate`, async (c) => {
    c.header("Cache-Control", "no-store");
    const by = await manager(c);
    const { overlap_seconds, at, forced } = await readJson(c, shapes.RotateKeyBody);
    const made = await agents.rotateKey(by, c.req.param("id"), c.req.param("key"), {
      forced,
      ...(at !== undefined && { at }),
      ...(overlap_seconds !== undefined && { overlapSeconds: overlap_seconds }),
    });
    return c.json(keyAnswer(made), 201);
  });
  app.delete(`${one}/keys/:key`, async (c) => {
    await agents.revokeKey(await manager(c), c.req.param("id"), c.req.param("key"));
    return c.body(null, 204);
  });

  return app;
}
