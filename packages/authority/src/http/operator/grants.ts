/**
 * `/v1/admin/grants`: who acts for whom, and ending it.
 *
 * Guarantees: reading needs `admin:grants:*`, ending `admin:revoke:*`; a dry run changes nothing and answers what the real
 * one would.
 */
import { Hono } from "hono";
import type { Clock, GrantId } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { GrantNode, GrantTree } from "../../grants/grant-tree.ts";
import type { Grants } from "../../grants/grants.ts";
import type { BrokerGuard } from "../broker/guard.ts";
import { readBrokerQuery } from "../broker/read-body.ts";
import { EndGrantQuery, GrantsQuery } from "./schemas.ts";

const READ = "admin:grants:*";
const END = "admin:revoke:*";

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** A grant on the wire; times are RFC 3339. */
function shown(grant: GrantNode) {
  return {
    id: grant.id,
    parent: grant.parent,
    root: grant.root,
    depth: grant.depth,
    kind: grant.kind,
    state: grant.state,
    subject: grant.subject,
    actor: grant.actor,
    ...(grant.app && { app: grant.app }),
    ...(grant.task !== undefined && { task_id: grant.task }),
    ...(grant.orchestration !== undefined && { orch_id: grant.orchestration }),
    scopes: grant.scopes,
    audiences: grant.audiences,
    ...(Object.keys(grant.constraints).length > 0 && { constraints: grant.constraints }),
    issued_at: time(grant.issuedAt),
    expires_at: time(grant.expiresAt),
    renew_until: time(grant.renewUntil),
    ...(grant.revokedAt !== undefined && { revoked_at: time(grant.revokedAt) }),
    ...(grant.reason !== undefined && { reason: grant.reason }),
  };
}

export function grantRoutes(options: {
  readonly guard: BrokerGuard;
  readonly store: Store;
  readonly clock: Clock;
  readonly grants: Pick<Grants, "revoke">;
  readonly tree: GrantTree;
  readonly onEnded: (grants: readonly GrantId[]) => void;
}): Hono {
  const { guard, store, clock, grants, tree } = options;
  const app = new Hono();

  app.get("/v1/admin/grants", guard.bearer(READ), async (c) => {
    const filter = readBrokerQuery(c, GrantsQuery);
    const { tenant } = c.get("brokerCaller");
    const page = await tree.list(tenant, filter);
    return c.json({ grants: page.grants.map(shown), ...(page.next !== undefined && { next: page.next }) });
  });

  app.get("/v1/admin/grants/:id", guard.bearer(READ), async (c) => {
    const found = await tree.around(c.get("brokerCaller").tenant, c.req.param("id"));
    return c.json({
      grant: shown(found.grant),
      tree: found.tree.map(shown),
      ...(found.truncated && { truncated: true }),
    });
  });

  app.delete("/v1/admin/grants/:id", guard.bearer(END), async (c) => {
    const { dry_run: dryRun, reason = "operator" } = readBrokerQuery(c, EndGrantQuery);
    const by = c.get("brokerCaller");
    const id = c.req.param("id");
    const foreseen = await tree.wouldEnd(by.tenant, id);
    if (dryRun === "true") {
      return c.json({ id, dry_run: true, count: foreseen.count, grants: foreseen.grants.map(shown) });
    }
    const { ended, count } = await store.transaction("authority", async (tx) => {
      const ended = await grants.revoke(tx, { tenant: by.tenant, id: id as GrantId }, reason, by.principal);
      // What had run out by itself did not end now.
      const { rows } = await tx.query<{ count: string }>(
        `SELECT count(*) AS count FROM authority.grants WHERE tenant = $1 AND id = ANY ($2) AND expires_at > $3`,
        [by.tenant, ended, time(clock.nowMs())],
      );
      return { ended, count: Number(rows[0]?.count ?? 0) };
    });
    options.onEnded(ended);
    return c.json({ id, count });
  });

  return app;
}
