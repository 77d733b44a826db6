/**
 * What an agent remembers of a person, for that person: see, correct, remove.
 *
 * Guarantees: each route acts for the caller in context and for nobody else; another's memory is "not found". Labels stay inside.
 * Does not: authenticate or check CSRF proof; mount it behind what does.
 */
import type { Memory, MemoryProvider } from "@deputize/agent";
import { type RouteDoc, parseInput, readJson } from "@deputize/client";
import { requireCaller } from "@deputize/core";
import { Hono } from "hono";
import { CorrectionBody, MemoryAnswer, MemoryList, PageQuery } from "./schemas.ts";

export interface MemoryRoutesOptions {
  /** The same that the agent's memory was made with. */
  readonly provider: MemoryProvider;
}

const ROUTE = { group: "Memory", access: "signed in" } as const;

/** The rows of the documentation, for whoever mounts the routes at `/api`. */
export const MEMORY_ROUTES: readonly RouteDoc[] = [
  {
    ...ROUTE,
    method: "GET",
    path: "/api/memories",
    summary: "What agents remember of oneself, newest first.",
    query: PageQuery,
    answer: MemoryList,
  },
  {
    ...ROUTE,
    method: "PATCH",
    path: "/api/memories/{id}",
    summary: "Correct its text.",
    body: CorrectionBody,
    answer: MemoryAnswer,
  },
  { ...ROUTE, method: "DELETE", path: "/api/memories/{id}", summary: "Remove it for good.", status: 204 },
];

/** Mount at `/api`: `memories`. */
export function memoryRoutes({ provider }: MemoryRoutesOptions): Hono {
  const app = new Hono();

  app.get("/memories", async (c) => {
    const { limit, cursor } = parseInput(PageQuery, c.req.query());
    const { memories, next } = await provider.list(requireCaller(), {
      ...(limit !== undefined && { limit }),
      ...(cursor !== undefined && { cursor }),
    });
    return c.json({ memories: memories.map(shown), ...(next !== undefined && { next }) });
  });

  app.patch("/memories/:id", async (c) => {
    const { text } = await readJson(c, CorrectionBody);
    return c.json(shown(await provider.correct(requireCaller(), c.req.param("id"), text)));
  });

  app.delete("/memories/:id", async (c) => {
    await provider.delete(requireCaller(), c.req.param("id"));
    return c.body(null, 204);
  });

  return app;
}

function shown({ id, text, origin, shared, created, updated, expires }: Memory): MemoryAnswer {
  return {
    id,
    text,
    act: origin.act,
    ...(origin.agent !== undefined && { agent: origin.agent }),
    ...(origin.conversation !== undefined && { conversation_id: origin.conversation }),
    shared,
    created,
    updated,
    ...(expires !== undefined && { expires }),
  };
}
