/** `/v1/admin/keys`: the signing keys, and rotating them with overlap. Private halves never leave the server. */
import { Hono } from "hono";
import type { Store } from "@deputize/store";
import type { KeyView, Keys } from "../../keys/keys.ts";
import type { BrokerGuard } from "../broker/guard.ts";
import { readBrokerBody } from "../broker/read-body.ts";
import { RotateKeyBody } from "./schemas.ts";

const SCOPE = "admin:keys:*";

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** A key on the wire; times are RFC 3339. */
export function shownKey(key: KeyView) {
  return {
    kid: key.kid,
    state: key.state,
    created_at: time(key.createdAt),
    ...(key.activatesAt !== undefined && { activates_at: time(key.activatesAt) }),
    ...(key.retiredAt !== undefined && { retired_at: time(key.retiredAt) }),
    ...(key.publishedUntil !== undefined && { published_until: time(key.publishedUntil) }),
  };
}

export function keyRoutes(options: {
  readonly guard: BrokerGuard;
  readonly store: Store;
  readonly keys: Pick<Keys, "list" | "begin" | "refresh">;
}): Hono {
  const { guard, store, keys } = options;
  const app = new Hono();

  app.get("/v1/admin/keys", guard.bearer(SCOPE), async (c) =>
    c.json({ keys: (await keys.list()).map(shownKey) }),
  );

  app.post("/v1/admin/keys/rotate", guard.bearer(SCOPE), async (c) => {
    const { after_seconds: afterSeconds } = await readBrokerBody(c, RotateKeyBody);
    const by = c.get("brokerCaller");
    const key = await store.transaction("authority", (tx) => keys.begin(tx, afterSeconds, by.principal));
    await keys.refresh();
    return c.json(shownKey(key));
  });

  return app;
}
