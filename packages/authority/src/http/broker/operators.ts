/** `/v1/admin/operators`: operators with some of the admin scopes, made and ended by those who hold as much. */
import { Hono } from "hono";
import type { Broker, OperatorView } from "../../broker/broker.ts";
import { rfc3339 } from "./apps.ts";
import type { BrokerGuard } from "./guard.ts";
import { readBrokerBody } from "./read-body.ts";
import { OperatorBody, RotateSecretBody } from "./schemas.ts";

const SCOPE = "admin:operators:*";
const OVERLAP_SECONDS = 3_600;

function shown(operator: OperatorView) {
  return {
    name: operator.name,
    id: operator.id,
    scopes: operator.scopes,
    status: operator.status,
    created_at: rfc3339(operator.createdAt),
    ...(operator.removedAt !== undefined && { removed_at: rfc3339(operator.removedAt) }),
  };
}

export function operatorAccountRoutes(options: {
  readonly broker: Broker;
  readonly guard: BrokerGuard;
}): Hono {
  const { guard } = options;
  const { operators } = options.broker;
  const app = new Hono();

  app.post("/v1/admin/operators", guard.bearer(SCOPE), async (c) => {
    const made = await operators.add(c.get("brokerCaller"), await readBrokerBody(c, OperatorBody));
    return c.json({ ...shown(made), secret: made.secret }, 201);
  });

  app.get("/v1/admin/operators", guard.bearer(SCOPE), async (c) =>
    c.json({ operators: (await operators.list()).map(shown) }),
  );

  app.delete("/v1/admin/operators/:name", guard.bearer(SCOPE), async (c) =>
    c.json(shown(await operators.remove(c.get("brokerCaller"), c.req.param("name")))),
  );

  app.post("/v1/admin/operators/:name/secret", guard.bearer(SCOPE), async (c) => {
    const { overlap_seconds: overlap = OVERLAP_SECONDS } = await readBrokerBody(c, RotateSecretBody);
    const name = c.req.param("name");
    const { secret } = await operators.rotate(c.get("brokerCaller"), name, overlap);
    return c.json({ name, secret, overlap_seconds: overlap });
  });

  return app;
}
