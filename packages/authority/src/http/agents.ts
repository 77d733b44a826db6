/**
 * HTTP of agents for their owners and for administrators, who register them and manage them (agent-management.ts).
 *
 * Guarantees: only a signed-in person registers, and only for their own address; where the installation opens
 * registration to strangers, what they register stays powerless until its owner confirms it [AA-D02]. A key is answered
 * once. An agent or an exchanged token manages no agent.
 */
import { type Context, Hono } from "hono";
import { problemHandler, readJson } from "@deputize/client";
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import type { AgentManager } from "../agents/agent-rows.ts";
import type { Agents } from "../agents/agents.ts";
import type { People } from "../people/people.ts";
import { SESSION_COOKIE, readCookie } from "../sessions/cookies.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";
import { agentManagementRoutes, keyAnswer } from "./agent-management.ts";
import { RegisterAgentBody } from "./agent-schemas.ts";

export interface AgentRoutesOptions {
  readonly agents: Agents;
  readonly people: People;
  readonly authenticate: AuthenticateRequest;
  readonly sourceOf: (c: Context) => string;
  /** Who may register: people who are signed in (`owner`, unless told), or also strangers (`open`). */
  readonly registration?: "owner" | "open";
}

export function agentRoutes(options: AgentRoutesOptions): Hono {
  const { agents, people, authenticate, sourceOf } = options;
  const app = new Hono();
  problemHandler(app);

  const hasCredential = (request: Request) =>
    request.headers.has("authorization") || readCookie(request, SESSION_COOKIE) !== undefined;

  /** A person at a session of their own, and their address, vouched for or not. */
  async function person(c: Context): Promise<{ by: AgentManager; email: string | undefined }> {
    const caller: Caller = await authenticate(c.req.raw);
    if (!caller.session || caller.actors.length > 0) {
      throw new DeputizeError(
        "first_party_session_required",
        "a person manages agents, at a session of their own",
      );
    }
    const found = await people.get(caller.subject, caller.tenant);
    const by = {
      tenant: caller.tenant,
      subject: caller.subject,
      isAdmin: caller.roles.includes("admin"),
      ...(found?.addressVouched && { email: found.email }),
    };
    return { by, email: found?.email };
  }

  /** What a person may manage is theirs, or all for administrators. */
  const manager = async (c: Context): Promise<AgentManager> => (await person(c)).by;

  /** For whom an agent is registered: the person's own address, or anybody's when an administrator vouches. */
  function owning(
    { by, email: own }: { by: AgentManager; email: string | undefined },
    email: string,
  ): { owner?: PrincipalId; vouchedBy?: PrincipalId } {
    if (own === email) return { owner: by.subject };
    if (by.isAdmin) return { vouchedBy: by.subject };
    throw new DeputizeError("forbidden", "register agents under your own address");
  }

  app.post("/agents/register", async (c) => {
    c.header("Cache-Control", "no-store");
    if (options.registration !== "open" && !hasCredential(c.req.raw)) {
      throw new DeputizeError("unauthenticated", "sign in first: an agent is registered by its owner");
    }
    const who = hasCredential(c.req.raw) ? await person(c) : undefined;
    const body = await readJson(c, RegisterAgentBody);
    const made = await agents.register({
      name: body.agent_name,
      ownerEmail: body.owner_email,
      source: sourceOf(c),
      ...(who && owning(who, body.owner_email)),
    });
    return c.json({ agent_id: made.agentId, ...keyAnswer(made) }, 201);
  });

  app.route("/", agentManagementRoutes({ agents, base: "/agents", manager }));
  return app;
}
