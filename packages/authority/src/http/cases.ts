/**
 * HTTP of cases: opened, listed and closed by an administrator at a session of their own, and by nothing else [SR-04].
 */
import { Hono } from "hono";
import { problemHandler, readJson } from "@deputize/client";
import { z } from "zod";
import { CASE_RESOURCES, type Cases } from "../cases/cases.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";

export const OpenCaseBody = z.strictObject({
  subject_email: z.string().min(3).max(254),
  /** Read by auditors: a word is no purpose. */
  purpose: z.string().trim().min(5).max(500),
  resources: z.array(z.enum(CASE_RESOURCES)).min(1).max(CASE_RESOURCES.length),
});

export function caseRoutes(options: {
  readonly cases: Cases;
  readonly authenticate: AuthenticateRequest;
  readonly authenticateForDecision: AuthenticateRequest;
}): Hono {
  const { cases, authenticate, authenticateForDecision } = options;
  const app = new Hono();
  problemHandler(app);

  app.post("/api/cases", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    const body = await readJson(c, OpenCaseBody);
    const made = await cases.open(caller, {
      subjectEmail: body.subject_email,
      purpose: body.purpose,
      resources: body.resources,
    });
    return c.json(made, 201);
  });

  app.get("/api/cases", async (c) => c.json({ cases: await cases.list(await authenticate(c.req.raw)) }));

  app.delete("/api/cases/:id", async (c) => {
    await cases.close(await authenticateForDecision(c.req.raw), c.req.param("id"));
    return c.body(null, 204);
  });

  return app;
}
