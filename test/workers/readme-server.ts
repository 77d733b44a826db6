import { Hono } from "hono";
import { createVerifier, problemHandler, requireWorker } from "deputize/client";

/** Serves a row to whichever worker holds its scope; knows of a revocation within a second. */
export async function rowServer(authorityUrl: string, publicUrl: string): Promise<Hono> {
  const verifier = await createVerifier({
    authorityUrl,
    profiles: [{ kind: "agentwrit", issuer: "agentwrit" }],
  });
  const app = new Hono();
  problemHandler(app);
  const worker = requireWorker({
    verifier,
    audience: publicUrl,
    publicUrl,
    scope: (c) => `read:data:${c.req.param("id")}`,
  });
  return app.get("/rows/:id", worker, (c) => c.json({ id: c.req.param("id"), by: c.get("caller").clientId }));
}
