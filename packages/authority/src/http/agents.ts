/**
 * HTTP of agents for their owners and for administrators: register, confirm, permit, suspend, change keys.
 *
 * Guarantees: only a signed-in person registers, and only for their own address; where the installation opens
 * registration to strangers, what they register stays powerless until its owner confirms it [AA-D02]. A key is answered
 * once. An agent or an exchanged token manages no agent.
 */
import { type Context, Hono } from "hono";
import { parseInput, problemHandler, readJson } from "@deputize/client";
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import type { AgentManager } from "../agents/agent-rows.ts";
import type { Agents } from "../agents/agents.ts";
import type { NewKey } from "../agents/api-keys.ts";
import type { People } from "../people/people.ts";
import { SESSION_COOKIE, readCookie } from "../sessions/cookies.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";
import * as shapes from "./agent-schemas.ts";

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

export interface AgentRoutesOptions {
  readonly agents: Agents;
  readonly people: People;
  readonly authenticate: AuthenticateRequest;
  readonly sourceOf: (c: Context) => string;
  /** Who may register: people who are signed in (`owner`, unless told), or also strangers (`open`). */
  readonly registration?: "owner" | "open";
}

function keyAnswer(made: NewKey): Record<string, string> {
  return {
    api_key: made.apiKey,
    key_id: made.keyId,
    ...(made.expires !== undefined && { expires_at: made.expires }),
  };
}

export function agentRoutes(options: AgentRoutesOptions): Hono {
  const { agents, people, authenticate, sourceOf } = options;
  const app = new Hono();
  problemHandler(app);

  const hasCredential = (request: Request) =>
    request.headers.has("authorization") || readCookie(request, SESSION_COOKIE) !== undefined;

  /** A person at a session of their own; what they may manage is theirs, or all for administrators. */
  async function manager(c: Context): Promise<AgentManager> {
    const caller: Caller = await authenticate(c.req.raw);
    if (!caller.session || caller.actors.length > 0) {
      throw new DeputizeError(
        "first_party_session_required",
        "a person manages agents, at a session of their own",
      );
    }
    const person = await people.get(caller.subject, caller.tenant);
    return {
      tenant: caller.tenant,
      subject: caller.subject,
      isAdmin: caller.roles.includes("admin"),
      ...(person && { email: person.email }),
    };
  }

  /** For whom an agent is registered: the person's own address, or anybody's when an administrator vouches. */
  function owning(by: AgentManager, email: string): { owner?: PrincipalId; vouchedBy?: PrincipalId } {
    if (by.email === email) return { owner: by.subject };
    if (by.isAdmin) return { vouchedBy: by.subject };
    throw new DeputizeError("forbidden", "register agents under your own address");
  }

  app.post("/agents/register", async (c) => {
    c.header("Cache-Control", "no-store");
    if (options.registration !== "open" && !hasCredential(c.req.raw)) {
      throw new DeputizeError("unauthenticated", "sign in first: an agent is registered by its owner");
    }
    const by = hasCredential(c.req.raw) ? await manager(c) : undefined;
    const body = await readJson(c, shapes.RegisterAgentBody);
    const made = await agents.register({
      name: body.agent_name,
      ownerEmail: body.owner_email,
      source: sourceOf(c),
      ...(by && owning(by, body.owner_email)),
    });
    return c.json({ agent_id: made.agentId, ...keyAnswer(made) }, 201);
  });

  app.get("/agents", async (c) => {
    const by = await manager(c);
    const { limit, cursor } = parseInput(shapes.AgentListQuery, c.req.query());
    const page = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) };
    return c.json(await agents.list(by, page));
  });

  const one = `/agents/:id{${UUID}}` as "/agents/:id";
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
