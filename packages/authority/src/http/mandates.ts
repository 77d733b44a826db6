/**
 * HTTP of mandates: made and stopped by a person at a session of their own, and by nothing else [SR-14].
 */
import { Hono } from "hono";
import { problemHandler, readJson } from "@deputize/client";
import { constraintsMember } from "@deputize/core";
import { z } from "zod";
import type { Mandates } from "../mandates/mandates.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";

export const MandateBody = z.strictObject({
  agent: z.uuid(),
  /** Read by the person again later: a word is no purpose. */
  purpose: z.string().trim().min(5).max(500),
  /** With the server, since two servers may call different things by one name. */
  tools: z
    .array(z.string().regex(/^[A-Za-z0-9_.-]{1,64}\/[A-Za-z0-9_-]{1,64}$/, "is `server/tool`"))
    .min(1)
    .max(32),
  audiences: z.array(z.url().max(2000)).min(1).max(8),
  scopes: z.array(z.string().min(1).max(200)).min(1).max(32),
  constraints: constraintsMember,
  expires: z.iso.datetime({ offset: true }),
});

export function mandateRoutes(options: {
  readonly mandates: Mandates;
  readonly authenticate: AuthenticateRequest;
  readonly authenticateForDecision: AuthenticateRequest;
}): Hono {
  const { mandates, authenticate, authenticateForDecision } = options;
  const app = new Hono();
  problemHandler(app);

  app.post("/api/mandates", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    const { expires, constraints, ...rest } = await readJson(c, MandateBody);
    const made = await mandates.make(caller, {
      ...rest,
      ...(constraints && { constraints }),
      expiresAt: Date.parse(expires),
    });
    return c.json(made, 201);
  });

  app.get("/api/mandates", async (c) =>
    c.json({ mandates: await mandates.list(await authenticate(c.req.raw)) }),
  );

  app.get("/api/mandates/:id", async (c) =>
    c.json(await mandates.get(await authenticate(c.req.raw), c.req.param("id"))),
  );

  app.post("/api/mandates/:id/stop", async (c) =>
    c.json(await mandates.stop(await authenticateForDecision(c.req.raw), c.req.param("id"))),
  );

  return app;
}
