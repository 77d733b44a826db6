/**
 * Work that agents do while their person is away, over HTTP: begin some under a mandate, see how far it is, stop it.
 *
 * Guarantees: only the person, at a session of their own, begins work or gives it another mandate: an agent, an app or an exchanged
 * token gets 403 [SR-14]. Which agent works is what the mandate says. Another's work is "not found".
 * Does not: authenticate readers; mount it behind what does.
 */
import type { Agent, Conversation, LastingView, LastingWork } from "@deputize/agent";
import type { AuthenticateRequest, Mandates } from "@deputize/authority";
import { type RouteDoc, readJson } from "@deputize/client";
import {
  type Caller,
  DeputizeError,
  type PrincipalId,
  isDeputizeError,
  requireCaller,
  withCaller,
} from "@deputize/core";
import { Hono } from "hono";
import {
  BackgroundBody,
  BackgroundList,
  type BackgroundOffer,
  BackgroundOffers,
  BackgroundRun,
  BackgroundRunRead,
  GiveMandateBody,
} from "./schemas.ts";

/** An agent that takes part in lasting work. */
export interface BackgroundAgent {
  readonly principal: PrincipalId;
  readonly agent: Pick<Agent, "name" | "conversations">;
  readonly work: LastingWork;
}

export interface BackgroundRoutesOptions {
  /** Those that are at work in this process; none, and the routes answer `unavailable`. */
  agents(): readonly BackgroundAgent[];
  readonly mandates: Pick<Mandates, "get">;
  /** What mandates can be made of; of agents that are not at work nothing is offered. */
  offers(): readonly BackgroundOffer[];
  readonly authenticateForDecision: AuthenticateRequest;
  /** Puts into a stored conversation what has changed since, such as its approvals' present status. */
  readonly present?: (caller: Caller, conversation: Conversation) => Promise<Conversation>;
}

const ROUTE = { group: "Background work", access: "signed in" } as const;
const OWN = { ...ROUTE, access: "own session" } as const;

/** The rows of the documentation, for whoever mounts the routes at `/api`. */
export const BACKGROUND_ROUTES: readonly RouteDoc[] = [
  {
    ...OWN,
    method: "POST",
    path: "/api/background",
    summary:
      "Have the agent of a mandate do something while you are away, now, later or again and again. Agents and exchanged tokens get 403.",
    body: BackgroundBody,
    answer: BackgroundRun,
    status: 201,
  },
  {
    ...ROUTE,
    method: "GET",
    path: "/api/background",
    summary: "What agents do or did for oneself in the background, newest first.",
    answer: BackgroundList,
  },
  {
    ...ROUTE,
    method: "GET",
    path: "/api/background/offers",
    summary: "What the agents here can be let do while you are away: of this a mandate is made.",
    answer: BackgroundOffers,
  },
  {
    ...ROUTE,
    method: "GET",
    path: "/api/background/{id}",
    summary: "How far it is, with its conversation.",
    answer: BackgroundRunRead,
  },
  {
    ...OWN,
    method: "POST",
    path: "/api/background/{id}/mandate",
    summary: "Give parked work another mandate; it goes on from where it was.",
    body: GiveMandateBody,
    answer: BackgroundRun,
  },
  {
    ...ROUTE,
    method: "POST",
    path: "/api/background/{id}/stop",
    summary: "Stop it for good; what was done stays done.",
    answer: BackgroundRun,
  },
];

/** Mount at `/api`, behind what signs people in: `background`. */
export function backgroundRoutes(options: BackgroundRoutesOptions): Hono {
  const { mandates, authenticateForDecision } = options;
  const app = new Hono();

  function atWork(): readonly BackgroundAgent[] {
    const agents = options.agents();
    if (agents.length === 0) throw new DeputizeError("unavailable", "no agent works in the background here");
    return agents;
  }

  /** The agent of a mandate. Throws `not_found`, `validation_failed`. */
  async function ofMandate(caller: Caller, mandateId: string): Promise<BackgroundAgent> {
    const { agent } = await mandates.get(caller, mandateId);
    const found = atWork().find(({ principal }) => principal === agent.id);
    if (found) return found;
    const names = atWork().map((one) => one.agent.name);
    throw new DeputizeError(
      "validation_failed",
      `${agent.name} does not work in the background; make a mandate for ${names.join(" or ")}, which has the tools itself`,
      { detail: { field: "mandate_id" } },
    );
  }

  /** Whoever works on it. Throws `not_found`. */
  async function find(caller: Caller, id: string): Promise<{ of: BackgroundAgent; view: LastingView }> {
    for (const of of atWork()) {
      try {
        return { of, view: await of.work.status({ caller, id }) };
      } catch (error) {
        if (!isDeputizeError(error, "not_found")) throw error;
      }
    }
    throw new DeputizeError("not_found", "there is no such work");
  }

  /** What was said, before the first word too. */
  async function said(caller: Caller, of: BackgroundAgent, view: LastingView) {
    try {
      const conversation = await of.agent.conversations.get(caller, view.conversation_id);
      return (await (options.present?.(caller, conversation) ?? conversation)).messages;
    } catch (error) {
      if (isDeputizeError(error, "not_found")) return [];
      throw error;
    }
  }

  app.post("/background", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    const body = await readJson(c, BackgroundBody);
    const of = await ofMandate(caller, body.mandate_id);
    const view = await withCaller(caller, () =>
      of.work.start({
        caller,
        mandateId: body.mandate_id,
        message: body.message,
        ...(body.id !== undefined && { id: body.id }),
        ...(body.after !== undefined && { after: Date.parse(body.after) }),
        ...(body.every_seconds !== undefined && { schedule: { everySeconds: body.every_seconds } }),
      }),
    );
    return c.json(shown(of, view), 201);
  });

  app.get("/background", async (c) => {
    const caller = requireCaller();
    const lists = await Promise.all(
      atWork().map(async (of) => (await of.work.list({ caller })).map((view) => shown(of, view))),
    );
    return c.json({ runs: lists.flat().toSorted((a, b) => b.created.localeCompare(a.created)) });
  });

  app.get("/background/offers", (c) => {
    requireCaller();
    const here = new Set<string>(atWork().map(({ principal }) => principal));
    return c.json({ offers: options.offers().filter(({ agent }) => here.has(agent)) });
  });

  app.get("/background/:id", async (c) => {
    const caller = requireCaller();
    const { of, view } = await find(caller, c.req.param("id"));
    return c.json({ ...shown(of, view), messages: await said(caller, of, view) });
  });

  app.post("/background/:id/mandate", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    const id = c.req.param("id");
    const { mandate_id: mandateId } = await readJson(c, GiveMandateBody);
    const { of } = await find(caller, id);
    return c.json(shown(of, await of.work.giveMandate({ caller, id, mandateId })));
  });

  app.post("/background/:id/stop", async (c) => {
    const caller = requireCaller();
    const id = c.req.param("id");
    const { of } = await find(caller, id);
    return c.json(shown(of, await of.work.cancel({ caller, id })));
  });

  return app;
}

function shown({ agent }: BackgroundAgent, view: LastingView): BackgroundRun {
  return { agent: agent.name, ...view };
}
