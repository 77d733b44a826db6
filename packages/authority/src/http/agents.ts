/**
 * HTTP of agents: register, sign in with an API key, and what their owners and administrators decide about them.
 *
 * Guarantees: registering is open and opens nothing [AA-D02]; the key is answered once; a wrong key, an unknown
 * one, and a suspended agent's answer alike. An agent or an exchanged token manages no agent.
 */
import { type Context, Hono } from "hono";
import { problemHandler, readJson } from "@deputize/client";
import { type Caller, DeputizeError } from "@deputize/core";
import { z } from "zod";
import { OVERLAP_SECONDS_MAX } from "../agents/api-keys.ts";
import type { AgentManager, Agents } from "../agents/agents.ts";
import { emailSchema } from "../people/email.ts";
import type { People } from "../people/people.ts";
import { nameSchema } from "../people/person.ts";
import { SESSION_COOKIE, readCookie } from "../sessions/cookies.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

export const RegisterAgentBody = z.strictObject({
  agent_name: nameSchema.max(100),
  owner_email: emailSchema,
});
export const ApiKeyBody = z.strictObject({ api_key: z.string().min(1).max(200) });
export const PermissionBody = z.strictObject({ permission: z.string().min(1).max(200) });
export const RotateKeyBody = z.strictObject({
  overlap_seconds: z.int().min(0).max(OVERLAP_SECONDS_MAX).default(0),
});
export const AgentStateBody = z.strictObject({ status: z.enum(["active", "suspended"]) });

export interface AgentRoutesOptions {
  readonly agents: Agents;
  readonly people: People;
  readonly authenticate: AuthenticateRequest;
  readonly sourceOf: (c: Context) => string;
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
    return { tenant: caller.tenant, subject: caller.subject, isAdmin: caller.roles.includes("admin") };
  }

  app.post("/agents/register", async (c) => {
    c.header("Cache-Control", "no-store");
    const body = await readJson(c, RegisterAgentBody);
    // A signed-in person registers for themselves; a stranger's word about the address is kept as a word.
    const by = hasCredential(c.req.raw) ? await manager(c) : undefined;
    const person = by && (await people.get(by.subject, by.tenant));
    if (person && person.email !== body.owner_email) {
      throw new DeputizeError("forbidden", "register agents under your own address");
    }
    const made = await agents.register({
      name: body.agent_name,
      ownerEmail: body.owner_email,
      source: sourceOf(c),
      ...(person && { owner: person.id }),
    });
    return c.json({ agent_id: made.agentId, api_key: made.apiKey, key_id: made.keyId }, 201);
  });

  app.post("/auth/login", async (c) => {
    c.header("Cache-Control", "no-store");
    const { api_key } = await readJson(c, ApiKeyBody);
    const token = await agents.signIn(api_key, sourceOf(c));
    return c.json({
      access_token: token.token,
      token_type: "bearer",
      expires_in: token.expiresIn,
      scope: token.scopes.join(" "),
    });
  });

  app.get("/agents", async (c) => c.json({ agents: await agents.list(await manager(c)) }));

  const one = `/agents/:id{${UUID}}` as "/agents/:id";
  app.get(one, async (c) => c.json(await agents.get(await manager(c), c.req.param("id"))));
  app.patch(one, async (c) => {
    const by = await manager(c);
    const { status } = await readJson(c, AgentStateBody);
    await (status === "active"
      ? agents.reactivate(by, c.req.param("id"))
      : agents.suspend(by, c.req.param("id")));
    return c.json(await agents.get(by, c.req.param("id")));
  });
  app.post(`${one}/permissions`, async (c) => {
    const by = await manager(c);
    const body = await readJson(c, PermissionBody);
    await agents.addPermission(by, c.req.param("id"), body.permission);
    return c.json(await agents.get(by, c.req.param("id")));
  });
  app.delete(`${one}/permissions/:permission`, async (c) => {
    await agents.removePermission(await manager(c), c.req.param("id"), c.req.param("permission"));
    return c.body(null, 204);
  });
  app.get(`${one}/keys`, async (c) =>
    c.json({ keys: await agents.keys(await manager(c), c.req.param("id")) }),
  );
  app.post(`${one}/keys/:key/rotate`, async (c) => {
    c.header("Cache-Control", "no-store");
    const by = await manager(c);
    const { overlap_seconds } = await readJson(c, RotateKeyBody);
    const made = await agents.rotateKey(by, c.req.param("id"), c.req.param("key"), overlap_seconds);
    return c.json({ key_id: made.keyId, api_key: made.apiKey }, 201);
  });
  app.delete(`${one}/keys/:key`, async (c) => {
    await agents.revokeKey(await manager(c), c.req.param("id"), c.req.param("key"));
    return c.body(null, 204);
  });

  return app;
}
