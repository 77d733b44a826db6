/** `/v1/admin/apps`: operators register apps, set their ceilings, and end them. */
import { Hono } from "hono";
import type { Broker, AppView } from "../../broker/broker.ts";
import type { BrokerGuard } from "./guard.ts";
import { readBrokerBody, readBrokerQuery } from "./read-body.ts";
import { AppBody, AppChangeBody, AppsQuery, RotateSecretBody } from "./schemas.ts";

const SCOPE = "admin:apps:*";
const OVERLAP_SECONDS = 3_600;

/** An app as the protocol shows it; times are RFC 3339. */
function shown(app: AppView) {
  return {
    app_id: app.appId,
    name: app.name,
    client_id: app.clientId,
    scopes: app.scopes,
    token_ttl: app.tokenTtlSeconds,
    status: app.status,
    created_at: rfc3339(app.createdAt),
    updated_at: rfc3339(app.updatedAt),
    ...(app.deregisteredAt !== undefined && { deregistered_at: rfc3339(app.deregisteredAt) }),
    ...(app.requireTranscript && { require_transcript: true }),
  };
}

/** Whole seconds, as the protocol writes times. */
export function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, "Z");
}

export function appRoutes(options: { readonly broker: Broker; readonly guard: BrokerGuard }): Hono {
  const { guard } = options;
  const { apps } = options.broker;
  const app = new Hono();

  app.post("/v1/admin/apps", guard.bearer(SCOPE), async (c) => {
    const body = await readBrokerBody(c, AppBody);
    const made = await apps.register(c.get("brokerCaller"), {
      name: body.name,
      scopes: body.scopes,
      ...(body.token_ttl !== undefined && { tokenTtlSeconds: body.token_ttl }),
      ...(body.require_transcript !== undefined && { requireTranscript: body.require_transcript }),
    });
    return c.json(
      {
        app_id: made.appId,
        client_id: made.clientId,
        client_secret: made.clientSecret,
        scopes: made.scopes,
        token_ttl: made.tokenTtlSeconds,
        // The protocol leaves these two empty here.
        name: "",
        status: "",
      },
      201,
    );
  });

  app.get("/v1/admin/apps", guard.bearer(SCOPE), async (c) => {
    const { limit, cursor } = readBrokerQuery(c, AppsQuery);
    const page = await apps.list(c.get("brokerCaller"), {
      ...(limit !== undefined && { limit }),
      ...(cursor !== undefined && { cursor }),
    });
    return c.json({
      apps: page.apps.map(shown),
      total: page.total,
      ...(page.next !== undefined && { next: page.next }),
    });
  });

  app.get("/v1/admin/apps/:id", guard.bearer(SCOPE), async (c) =>
    c.json(shown(await apps.get(c.get("brokerCaller"), c.req.param("id")))),
  );

  app.put("/v1/admin/apps/:id", guard.bearer(SCOPE), async (c) => {
    const body = await readBrokerBody(c, AppChangeBody);
    const changed = await apps.update(c.get("brokerCaller"), c.req.param("id"), {
      ...(body.scopes !== undefined && { scopes: body.scopes }),
      ...(body.token_ttl !== undefined && { tokenTtlSeconds: body.token_ttl }),
      ...(body.require_transcript !== undefined && { requireTranscript: body.require_transcript }),
    });
    return c.json(shown(changed));
  });

  app.delete("/v1/admin/apps/:id", guard.bearer(SCOPE), async (c) => {
    const ended = await apps.deregister(c.get("brokerCaller"), c.req.param("id"));
    return c.json({
      app_id: ended.appId,
      name: "",
      client_id: "",
      scopes: [],
      token_ttl: 0,
      status: ended.status,
      created_at: "",
      updated_at: "",
      deregistered_at: rfc3339(ended.deregisteredAt ?? ended.updatedAt),
    });
  });

  app.post("/v1/admin/apps/:id/secret", guard.bearer(SCOPE), async (c) => {
    const { overlap_seconds: overlap = OVERLAP_SECONDS } = await readBrokerBody(c, RotateSecretBody);
    const id = c.req.param("id");
    const { clientSecret } = await apps.rotateSecret(c.get("brokerCaller"), id, overlap);
    return c.json({ app_id: id, client_secret: clientSecret, overlap_seconds: overlap });
  });

  return app;
}
