/**
 * Puts the broker's rooms together over the grant core.
 */
import type { AuditLog, RefusalCounter } from "@deputize/audit";
import type { Clock, GrantId } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { Keys } from "../keys/keys.ts";
import type { Statistics } from "../statistics.ts";
import type { Principals } from "../principals/principals.ts";
import type { Revocation } from "../revocation/revocation.ts";
import type { Issue } from "../tokens/issue.ts";
import { createApps } from "./apps.ts";
import type { Broker } from "./broker.ts";
import type { BrokerContext } from "./broker-context.ts";
import { ADMIN_SCOPES } from "./broker-scopes.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import { createBrokerVerifier } from "./broker-verifier.ts";
import { OPERATOR, OPERATOR_APP, controlToken } from "./control-tokens.ts";
import { createDelegate } from "./delegate.ts";
import { countActiveWorkers } from "./active-workers.ts";
import { createLaunchTokens } from "./launch-tokens.ts";
import { createOperators } from "./operators.ts";
import { createRegistration } from "./register.ts";
import { type Registry, createRegistry } from "./registry.ts";
import { createRenewAndRelease } from "./renew-release.ts";
import { createRevoke } from "./revoke.ts";

/** The part of the grant core that the broker stands on. */
export interface BrokerCore {
  readonly clock: Clock;
  readonly tenant: string;
  readonly principals: Principals;
  readonly keys: Keys;
  readonly issue: Issue;
  readonly revocation: Revocation;
  readonly rememberSeconds: number;
  readonly statistics: Statistics;
}

export interface BrokerRooms extends Broker {
  readonly registry: Registry;
  /** Grants that another room of this process has just ended: their tokens are refused here at once. */
  ended(grants: readonly GrantId[]): void;
  /** Workers whose grant lives now, of all apps. */
  activeWorkers(): Promise<number>;
  /** The revocation feed as far as this process can follow it now: `ageMs` since it was known to be complete. */
  feed(): Promise<{ readonly position: number; readonly ageMs: number }>;
  /** Forgets what ended long ago; also runs by itself now and then. Answers how many rows went. */
  prune(): Promise<number>;
}

const PRUNE_EVERY_MS = 600_000;

/** Rows of one transaction, so that none of them is long. */
const PRUNE_ROWS = 500;

/** How long ended trees of grants stay to be looked at; the audit log keeps what happened for ever. */
const KEEP_ENDED_MS = 24 * 3_600_000;

export async function createBroker(
  core: BrokerCore,
  options: {
    readonly store: Store;
    readonly audit: Pick<AuditLog, "record" | "append" | "announce">;
    readonly refusals: Pick<RefusalCounter, "count" | "refused">;
    readonly rootSecret: Uint8Array;
    readonly settings: BrokerSettings;
  },
): Promise<BrokerRooms> {
  const { store, settings } = options;
  const { clock, tenant, principals, keys, revocation } = core;
  await ensureOperator(store, principals, tenant, settings);
  const verifier = await createBrokerVerifier({ store, keys, clock, revocation, settings });
  const context: BrokerContext = { ...core, ...options, verifier };
  const registration = createRegistration(context);
  const registry = createRegistry(context);
  const { find, ...operators } = createOperators(context, principals);

  async function prune(): Promise<number> {
    let total = 0;
    for (;;) {
      const { rows } = await store
        .pool("authority")
        .query<{ gone: number }>(`SELECT authority.prune_grants($1, $2) AS gone`, [
          new Date(clock.nowMs() - KEEP_ENDED_MS).toISOString(),
          PRUNE_ROWS,
        ]);
      const gone = rows[0]?.gone ?? 0;
      total += gone;
      if (gone < PRUNE_ROWS) return total;
    }
  }
  // A failed round is made up for by the next.
  const pruning = setInterval(() => void prune().catch(() => {}), PRUNE_EVERY_MS);
  pruning.unref();

  return {
    apps: createApps(context, principals),
    operators,
    launchTokens: createLaunchTokens(context),
    workers: { ...registration, ...createRenewAndRelease(context), ...createDelegate(context) },
    adminToken: () =>
      controlToken(context, {
        principal: OPERATOR,
        sub: "admin",
        clientId: "operator",
        scopes: ADMIN_SCOPES,
        ttlSeconds: settings.lifetimes.adminSeconds,
        action: "admin_auth",
      }),
    async operatorToken(secret) {
      const found = await find(secret);
      return (
        found &&
        controlToken(context, {
          principal: found.id,
          sub: `admin:${found.name}`,
          clientId: "operator",
          scopes: found.scopes,
          ttlSeconds: settings.lifetimes.adminSeconds,
          secretHash: found.secretHash,
          action: "admin_auth",
        })
      );
    },
    verify: (token) => verifier.verify(token),
    revoke: createRevoke(context),
    registry,
    ended: (grants) => verifier.ended(grants),
    activeWorkers: () => countActiveWorkers(store, clock),
    async feed() {
      await verifier.refresh();
      return verifier.feed();
    },
    prune,
    async close() {
      clearInterval(pruning);
      registry.close();
      verifier.close();
    },
  };
}

/** The operator, and the app of its own workers with the ceiling of the settings. */
async function ensureOperator(
  store: Store,
  principals: Principals,
  tenant: string,
  settings: BrokerSettings,
): Promise<void> {
  const ceiling = [...settings.operatorScopes];
  await store.transaction("authority", async (tx) => {
    await principals.ensure(tx, { tenant, id: OPERATOR, kind: "service", name: "broker operator" });
    await principals.ensure(tx, { tenant, id: OPERATOR_APP, kind: "app", name: "operator", ceiling });
    const known = await principals.get(tx, { tenant, id: OPERATOR_APP });
    if (JSON.stringify(known?.ceiling) !== JSON.stringify(ceiling)) {
      await principals.setCeiling(tx, { tenant, id: OPERATOR_APP }, ceiling, "the setting changed");
    }
  });
}
