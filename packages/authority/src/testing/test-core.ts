/**
 * For tests: a grant core over a store of its own, with a person, two agents and their audiences, that speaks the
 * domain. The audit log is replaced by a list, so that a test can read what was recorded.
 */
import { type Caller, type Clock, type PrincipalId, stableId, systemClock } from "@deputize/core";
import type { AuditEvent } from "@deputize/audit";
import { auditMigrations } from "@deputize/audit";
import type { Tx } from "@deputize/store";
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
  /** `${person} ${agent}` pairs that the person permits; all of them unless a test takes one away. */
  readonly permitted: Set<string>;
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

export async function openTestCore(
  options: {
    readonly clock?: Clock;
    readonly store?: TestStore;
    readonly lifetimes?: { accessSeconds?: number };
  } = {},
): Promise<TestCore> {
  const store = options.store ?? (await openTestStore([auditMigrations, authorityMigrations]));
  const events: AuditEvent[] = [];
  const audit = {
    record: async (_tx: unknown, event: AuditEvent) => `entry-${events.push(event)}`,
    append: async (event: AuditEvent) => `entry-${events.push(event)}`,
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
  const permitted = new Set(
    [WHO.alice, WHO.bob].flatMap((person) => [WHO.support, WHO.orders].map((agent) => `${person} ${agent}`)),
  );
  const delegation = createDelegation(core, {
    store,
    audit,
    policy: POLICY,
    issuer: ISSUER,
    permissionCheck: async (_tx, { subject, agents }) =>
      agents.every((agent) => permitted.has(`${subject} ${agent}`)),
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
    permitted,
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
      await store.close();
    },
  };
}
