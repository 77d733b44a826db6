/** For tests: keys, events, and a log over a store of its own. */
import { generateKeyPairSync } from "node:crypto";
import { type Caller, newId, type PrincipalId, type GrantId } from "@deputize/core";
import type { Store } from "@deputize/store";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { type AuditLog, type AuditLogOptions, auditMigrations } from "./audit-log.ts";
import type { AuditEvent } from "./event.ts";
import { createAuditLog } from "./log.ts";

export const TEST_ORIGIN = "log.test/audit";

/** A new Ed25519 private key, PKCS#8 PEM. */
export function newSigningKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export const newPrincipal = (): PrincipalId => newId() as PrincipalId;

export function testEvent(overrides: Partial<AuditEvent> = {}): AuditEvent {
  return { action: "tool.call", outcome: "allowed", tenant: "default", ...overrides };
}

export function testCaller(overrides: Partial<Caller> = {}): Caller {
  return {
    tenant: "default",
    subject: newPrincipal(),
    subjectKind: "user",
    actors: [],
    roles: ["customer"],
    scopes: [],
    grants: [newId() as GrantId],
    clientId: "test",
    ...overrides,
  };
}

export interface AuditWorld {
  readonly store: TestStore;
  readonly log: AuditLog;
  readonly signingKey: string;
  /** Another log object over the same database, as another process has. */
  another(options?: Partial<AuditLogOptions>): Promise<AuditLog>;
  /** Appends `count` entries, signed in several batches. */
  fill(count: number): Promise<string[]>;
  close(): Promise<void>;
}

export const openAuditStore = (): Promise<TestStore> => openTestStore([auditMigrations]);

/** `over` is a store that outlives this world, for a file whose tests open one after the other. */
export async function auditWorld(
  options: Partial<AuditLogOptions> & { faulty?: (store: Store) => Store; over?: TestStore } = {},
): Promise<AuditWorld> {
  const { faulty = (store) => store, over, ...logOptions } = options;
  const store = over ?? (await openAuditStore());
  const signingKey = newSigningKey();
  const base = { signingKey, origin: TEST_ORIGIN, leaseMs: 400 };
  const log = createAuditLog({ ...base, store: faulty(store), ...logOptions });
  const logs = [log];
  return {
    store,
    log,
    signingKey,
    another: async (other = {}) => {
      const made = createAuditLog({ ...base, store: await store.sibling(), ...other });
      logs.push(made);
      return made;
    },
    fill: async (count) => {
      const ids: string[] = [];
      for (let i = 0; i < count; i += 1) {
        ids.push(await log.append(testEvent({ args: { n: i } })));
        if (i % 3 === 2) await log.flush();
      }
      await log.flush();
      return ids;
    },
    close: async () => {
      await Promise.all(logs.map((made) => made.close().catch(() => {})));
      if (!over) await store.close();
    },
  };
}
