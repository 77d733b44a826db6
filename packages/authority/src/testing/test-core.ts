/**
 * For tests: a grant core over a store of its own, with a person, two agents and their audiences, that speaks the
 * domain. The audit log is replaced by a list, so that a test can read what was recorded.
 */
import { type Caller, type Clock, type PrincipalId, stableId, systemClock } from "@deputize/core";

import { type AuditEvent, auditMigrations, refusalCounter } from "@deputize/audit";
import type { Queryable, Tx } from "@deputize/store";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { type Delegation, type GrantCore, createDelegation, createGrantCore } from "../authority.ts";
import type { Grant } from "../grants/grant.ts";
import type { AttenuateRequest, RootRequest } from "../grants/grants.ts";
import { type PrivateJwk, generateSigningKey } from "../keys/private-key.ts";
import { authorityMigrations } from "../migrations.ts";
import type { AuthorityPolicy } from "../policy.ts";

export const ISSUER = "http://localhost:3000";
export const AUDIENCE = {
  api: ISSUER,
  support: `${ISSUER}/agents/customer-support`,
  orders: `${ISSUER}/agents/order-management`,
  orderTools: `${ISSUER}/mcp/orders`,
  productTools: `${ISSUER}/mcp/products`,
} as const;

const principal = (key: string): PrincipalId => stableId(key) as PrincipalId;

export const WHO = {
  alice: principal("user:alice@example.com"),
  bob: principal("user:bob@example.com"),
  shopApi: principal("service:shop-api"),
  support: principal("agent:customer-support"),
  orders: principal("agent:order-management"),
  orderTools: principal("service:mcp-orders"),
  productTools: principal("service:mcp-products"),
} as const;

export const POLICY: AuthorityPolicy = {
  roles: { customer: ["read:orders:*", "cancel:orders:*"] },
  audiences: {
    [AUDIENCE.api]: { kind: "api", principal: WHO.shopApi },
    [AUDIENCE.support]: { kind: "agent", principal: WHO.support },
    [AUDIENCE.orders]: { kind: "agent", principal: WHO.orders },
    [AUDIENCE.orderTools]: { kind: "tool", principal: WHO.orderTools },
    [AUDIENCE.productTools]: { kind: "tool", principal: WHO.productTools },
  },
  edges: {
    [WHO.support]: [AUDIENCE.orders],
    [WHO.orders]: [AUDIENCE.orderTools],
  },
};

export const TENANT = "default";

export interface TestCore extends GrantCore, Delegation {
  readonly store: TestStore;
  readonly events: AuditEvent[];
  readonly signingKey: PrivateJwk;
  /** Gives or takes a person's permission for an agent; every person here permits every agent at first. */
  permit(person: PrincipalId, agent: PrincipalId, stands?: boolean): Promise<void>;
  /** What was recorded by functions of the database, in order. */
  submitted(): Promise<AuditEvent[]>;
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A session of Alice for the API. */
  root(change?: Partial<RootRequest>): Promise<Grant>;
  /** Alice's grant handed to the support agent. */
  child(parent: Grant, change?: Partial<AttenuateRequest>): Promise<Grant>;
  callerOf(grant: Grant): Caller;
  close(): Promise<void>;
}

/** API keys of the tests: the secret names its owner. */
export function testSecret(id: PrincipalId): string {
  return `secret-of-${id}`;
}

/** Makes persons of principals, and lets each permit both agents. */
export async function seedPermissions(db: Queryable, people: readonly PrincipalId[]): Promise<void> {
  const agents = [WHO.support, WHO.orders];
  await db.query(
    `INSERT INTO authority.agents (principal_id, tenant, name, built_in, created_at)
     SELECT a, $2, a::text, true, now() FROM unnest($1::uuid[]) a ON CONFLICT DO NOTHING`,
    [agents, TENANT],
  );
  await db.query(
    `INSERT INTO authority.people (tenant, principal_id, email, name, role, created_at, updated_at)
     SELECT $2, p, p || '@example.com', 'a person', 'customer', now(), now() FROM unnest($1::uuid[]) p`,
    [people, TENANT],
  );
  await db.query(
    `INSERT INTO authority.agent_permissions (tenant, person_id, agent_id, level, granted_by, granted_at)
     SELECT $3, p, a, 'user', p, now() FROM unnest($1::uuid[]) p, unnest($2::uuid[]) a`,
    [people, agents, TENANT],
  );
}

/** The database of a grant core, for a file whose tests open one after the other over it. */
export const openCoreStore = (): Promise<TestStore> => openTestStore([auditMigrations, authorityMigrations]);

export async function openTestCore(
  options: {
    readonly clock?: Clock;
    readonly store?: TestStore;
    readonly lifetimes?: { accessSeconds?: number };
  } = {},
): Promise<TestCore> {
  const store = options.store ?? (await openCoreStore());
  const events: AuditEvent[] = [];
  const audit = {
    record: async (_tx: unknown, event: AuditEvent) => `entry-${events.push(event)}`,
    append: async (event: AuditEvent) => `entry-${events.push(event)}`,
    announce: () => {},
  };
  const clock = options.clock ?? systemClock;
  const signingKey = generateSigningKey();
  const core = await createGrantCore({
    store,
    audit,
    clock,
    issuer: ISSUER,
    signingKeys: [signingKey],
    policy: POLICY,
    ...(options.lifetimes && { lifetimes: options.lifetimes }),
  });
  const tx = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => store.transaction("authority", work);
  await tx(async (t) => {
    for (const [name, id] of Object.entries(WHO)) {
      const kind =
        id === WHO.alice || id === WHO.bob
          ? "user"
          : id === WHO.support || id === WHO.orders
            ? "agent"
            : "service";
      await core.principals.ensure(t, { tenant: TENANT, id, kind, name });
    }
  });
  const permit: TestCore["permit"] = async (person, agent, stands = true) => {
    await store.pool("authority").query(
      `INSERT INTO authority.agent_permissions (tenant, person_id, agent_id, level, granted_by, granted_at, revoked_at)
       VALUES ($1, $2, $3, 'user', $2, now(), $4)
       ON CONFLICT (tenant, person_id, agent_id) DO UPDATE SET revoked_at = excluded.revoked_at`,
      [TENANT, person, agent, stands ? null : new Date()],
    );
  };
  await store.transaction("authority", (t) => seedPermissions(t, [WHO.alice, WHO.bob]));
  const delegation = createDelegation(core, {
    store,
    audit,
    refusals: refusalCounter({ log: audit, clock, tenant: TENANT }),
    policy: POLICY,
    issuer: ISSUER,
    authenticateClient: async ({ secret }) => {
      const found = Object.values(WHO).find((id) => testSecret(id) === secret);
      return found && { tenant: TENANT, principal: found };
    },
  });
  return {
    ...core,
    ...delegation,
    store,
    events,
    signingKey,
    permit,
    submitted: async () =>
      (
        await store.ownerQuery<{ event: AuditEvent }>("SELECT event FROM audit.outbox ORDER BY position")
      ).rows.map(({ event }) => event),
    tx,
    root: (change = {}) =>
      tx((t) =>
        core.grants.createRoot(t, {
          kind: "session",
          tenant: TENANT,
          subject: WHO.alice,
          actor: WHO.alice,
          clientId: "first-party",
          scopes: ["read:orders:*", "cancel:orders:*"],
          audiences: [AUDIENCE.api],
          ttlSeconds: 3600,
          ...change,
        }),
      ),
    child: (parent, change = {}) =>
      tx((t) =>
        core.grants.attenuate(t, parent, {
          kind: "exchange",
          actor: WHO.support,
          clientId: WHO.support,
          audiences: [AUDIENCE.orders],
          ttlSeconds: 300,
          ...change,
        }),
      ),
    callerOf: (grant) => ({
      tenant: grant.tenant,
      subject: grant.subject,
      subjectKind: grant.subjectKind,
      actors: grant.actors,
      roles: grant.roles,
      scopes: grant.scopes,
      grants: grant.path,
      clientId: grant.clientId,
    }),
    async close() {
      core.keys.close();
      await core.revocation.close();
      if (!options.store) await store.close();
    },
  };
}
