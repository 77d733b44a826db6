/**
 * For tests: an authority that is a broker, its operator signed in, and words to make apps and workers with. Entries that SQL
 * submits are in the audit outbox, the others in `events`; `recorded` reads both.
 */
import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";
import { type ManualClock, manualClock, randomHex, systemClock } from "@deputize/core";
import { type AuditEvent, auditMigrations } from "@deputize/audit";
import { registrationTranscript } from "@deputize/client";
import { type TestStore, openTestEphemeral, openTestStore } from "@deputize/store/testing";
import { type Authority, createAuthority } from "../authority.ts";
import type { AppView, Broker, BrokerCaller, BrokerToken } from "../broker/broker.ts";
import type { BrokerOptions } from "../broker/broker-settings.ts";
import type { BrokerRooms } from "../broker/create-broker.ts";
import { type PrivateJwk, generateSigningKey } from "../keys/private-key.ts";
import { authorityMigrations } from "../migrations.ts";
import { ISSUER, POLICY } from "./test-core.ts";

export interface TestWorkerKey {
  readonly privateKey: KeyObject;
  /** Padded base64 of the raw 32 bytes. */
  readonly publicKey: string;
}

export function workerKey(): TestWorkerKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  return { privateKey, publicKey: Buffer.from(x, "base64url").toString("base64") };
}

export interface TestWorker extends BrokerToken {
  readonly agentId: string;
  readonly key: TestWorkerKey;
  readonly caller: BrokerCaller;
}

export interface TestApp extends AppView {
  readonly clientSecret: string;
  /** Signed in. */
  readonly caller: BrokerCaller;
  readonly token: string;
}

export interface WorkerWish {
  readonly scope?: readonly string[];
  readonly maxTtlSeconds?: number;
  readonly task?: string;
  readonly orch?: string;
  readonly bind?: boolean;
}

type Registration = Parameters<Broker["workers"]["register"]>[0];

export interface TestBroker {
  readonly authority: Authority;
  readonly broker: BrokerRooms;
  readonly store: TestStore;
  readonly clock: ManualClock;
  readonly signingKey: PrivateJwk;
  readonly admin: BrokerCaller;
  app(name?: string, scopes?: readonly string[]): Promise<TestApp>;
  /** A fresh launch token of the app, and a registration with it that holds. */
  registration(app: TestApp, wish?: WorkerWish, change?: Partial<Registration>): Promise<Registration>;
  worker(app: TestApp, wish?: WorkerWish): Promise<TestWorker>;
  delegate(from: BrokerCaller, to: string, scope: readonly string[], ttlSeconds?: number): Promise<TestHop>;
  /** True when the token stands for this process. */
  stands(token: string): Promise<boolean>;
  /** What was recorded of one action, whoever submitted it. */
  recorded(action: string): Promise<AuditEvent[]>;
  close(): Promise<void>;
}

export interface TestHop extends BrokerToken {
  readonly delegationChain: readonly unknown[];
  readonly caller: BrokerCaller;
}

export const SCOPES = ["read:data:*", "write:data:*"];

export async function openTestBroker(
  options: {
    readonly broker?: BrokerOptions;
    readonly store?: TestStore;
    readonly signingKey?: PrivateJwk;
    readonly rootSecret?: Buffer;
    readonly clock?: ManualClock;
  } = {},
): Promise<TestBroker> {
  const store = options.store ?? (await openTestStore([auditMigrations, authorityMigrations]));
  const ephemeral = await openTestEphemeral();
  // The database has a clock of its own, so tests start at its present.
  const clock = options.clock ?? manualClock(systemClock.nowMs());
  const events: AuditEvent[] = [];
  const signingKey = options.signingKey ?? generateSigningKey();
  const authority = await createAuthority({
    store,
    audit: {
      record: async (_tx: unknown, event: AuditEvent) => `entry-${events.push(event)}`,
      append: async (event: AuditEvent) => `entry-${events.push(event)}`,
      announce: () => {},
    },
    ephemeral,
    clock,
    issuer: ISSUER,
    secrets: {
      signingKeys: [signingKey],
      rootSecret: options.rootSecret ?? Buffer.from(randomHex(32), "hex"),
    },
    policy: POLICY,
    sourceOf: () => "192.0.2.1",
    broker: options.broker ?? {},
  });
  const broker = authority.broker;
  if (!broker) throw new Error("the authority is no broker");
  const admin = await broker.verify((await broker.adminToken()).token);

  async function registration(
    app: TestApp,
    wish: WorkerWish = {},
    change: Partial<Registration> = {},
    key = workerKey(),
  ): Promise<Registration> {
    const scope = wish.scope ?? ["read:data:*"];
    const { launchToken } = await broker!.launchTokens.create(app.caller, {
      agentName: "worker",
      allowedScope: scope,
      ...(wish.maxTtlSeconds !== undefined && { maxTtlSeconds: wish.maxTtlSeconds }),
    });
    const { nonce } = broker!.workers.challenge();
    return {
      launchToken,
      nonce,
      publicKey: key.publicKey,
      signature: sign(null, Buffer.from(nonce, "hex"), key.privateKey).toString("base64"),
      orchId: wish.orch ?? "orch",
      taskId: wish.task ?? "task",
      requestedScope: scope,
      ...(wish.bind && { bind: true }),
      ...change,
    };
  }

  return {
    authority,
    broker,
    store,
    clock,
    signingKey,
    admin,
    async app(name = `app${randomHex(4)}`, scopes = SCOPES) {
      const made = await broker.apps.register(admin, { name, scopes });
      const { token } = await broker.apps.signIn(made);
      return { ...made, token, caller: await broker.verify(token) };
    },
    registration,
    async worker(app, wish = {}) {
      const key = workerKey();
      const made = await broker.workers.register(await registration(app, wish, {}, key));
      return { ...made, key, caller: await broker.verify(made.token) };
    },
    async delegate(from, to, scope, ttlSeconds) {
      const made = await broker.workers.delegate(from, {
        delegateTo: to,
        scope,
        ...(ttlSeconds !== undefined && { ttlSeconds }),
      });
      return { ...made, caller: await broker.verify(made.token) };
    },
    stands: (token) =>
      broker.verify(token).then(
        () => true,
        () => false,
      ),
    async recorded(action) {
      const { rows } = await store.ownerQuery<{ event: AuditEvent }>(
        `SELECT event FROM audit.outbox WHERE event ->> 'action' = $1 ORDER BY position`,
        [action],
      );
      return [...events.filter((event) => event.action === action), ...rows.map((row) => row.event)];
    },
    async close() {
      await authority.close();
      await ephemeral.close();
      if (!options.store) await store.close();
    },
  };
}

/** The signature over the whole registration. */
export function transcriptSignature(request: Registration, key: TestWorkerKey): string {
  return sign(null, Buffer.from(registrationTranscript(request)), key.privateKey).toString("base64");
}
