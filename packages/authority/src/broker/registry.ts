/**
 * The registry of workers: who of one's own app is alive, and with which key; and the heartbeats of those that asked to be
 * missed.
 *
 * Guarantees: a caller sees workers of its own app only; a worker whose grants have ended, or whose named token does not
 * stand, is unknown. A worker that beat once and then stays silent for three intervals loses its grants, with everything
 * handed on from them, on whichever node looks first, and exactly once.
 * Does not: end anybody for a silence of our own. A node that just started, that could not reach the database, or whose
 * clock stood still waits one whole window before it judges.
 */
import { type Clock, DeputizeError, type GrantId, type PrincipalId } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import type { AuditLog } from "@deputize/audit";
import type { BrokerCaller } from "./broker.ts";
import { bareEvent } from "./broker-events.ts";
import type { BrokerVerifier } from "./broker-verifier.ts";

const HEARTBEAT = {
  everySeconds: 30,
  /** So many intervals without a beat, and the worker counts as gone. */
  misses: 3,
} as const;
const SILENCE_MS = HEARTBEAT.everySeconds * HEARTBEAT.misses * 1000;
const LOOK_EVERY_MS = 10_000;
/** Workers of one transaction, so that none of them is long. */
const ROWS = 100;

export interface RegisteredWorker {
  /** SPIFFE id. */
  readonly agentId: string;
  /** Raw Ed25519 key, padded base64. */
  readonly publicKey: string;
  readonly appId: string;
  readonly orchId: string;
  readonly taskId: string;
  /** Epoch milliseconds; of the grant that lives longest. */
  readonly expiresAt: number;
  /** Epoch milliseconds of the last heartbeat; absent for one that sends none. */
  readonly heardAt?: number;
}

export interface WorkerQuery {
  readonly agentId?: string;
  /** With `agentId`: only if this token of the worker stands, 32 hex digits. */
  readonly jti?: string;
  readonly taskId?: string;
  readonly orchId?: string;
  /** 1 to 100; 100 unless told. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

export interface Registry {
  /** Living workers of the caller's app, by SPIFFE id. Throws `forbidden`. */
  find(
    by: BrokerCaller,
    query: WorkerQuery,
  ): Promise<{ readonly agents: readonly RegisteredWorker[]; readonly next?: string }>;
  /** The worker of this token was heard; from its first beat on it is expected to go on. Throws `forbidden`, `invalid_token`. */
  beat(by: BrokerCaller): Promise<{ readonly everySeconds: number; readonly misses: number }>;
  /** One look at who is silent, as the timer takes it. Answers how many workers it ended. */
  look(): Promise<number>;
  close(): void;
}

export function createRegistry(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly tenant: string;
  readonly audit: Pick<AuditLog, "record">;
  readonly verifier: Pick<BrokerVerifier, "ended">;
  readonly rememberSeconds: number;
}): Registry {
  const { store, clock, tenant, audit, verifier } = options;
  const pool = store.pool("authority");
  const iso = (ms: number): string => new Date(ms).toISOString();
  let steadySince = clock.monotonicMs();
  let lookedAt = steadySince;

  async function endSilent(tx: Tx, edge: string): Promise<{ workers: number; ended: GrantId[] }> {
    const { rows: held } = await tx.query<{ id: PrincipalId }>(
      `SELECT p.id FROM authority.principals p JOIN authority.heartbeats h ON h.tenant = p.tenant AND h.principal_id = p.id
       WHERE h.tenant = $1 AND h.heard_at < $2 ORDER BY p.id LIMIT $3 FOR UPDATE OF p SKIP LOCKED`,
      [tenant, edge, ROWS],
    );
    // A new statement sees the beats that committed before we held the locks.
    const { rows: silent } = await tx.query<SilentRow>(
      `SELECT w.principal_id AS id, w.spiffe, w.app, w.task, w.orchestration
       FROM authority.heartbeats h JOIN authority.workers w ON w.tenant = h.tenant AND w.principal_id = h.principal_id
       WHERE h.tenant = $1 AND h.principal_id = ANY ($2::uuid[]) AND h.heard_at < $3 ORDER BY w.principal_id`,
      [tenant, held.map((row) => row.id), edge],
    );
    const now = clock.nowMs();
    const ended: GrantId[] = [];
    for (const worker of silent) {
      const { rows } = await tx.query<{ cut: { ended: GrantId[] } }>(
        `SELECT authority.cut_principal($1, $2, 'suspended', 'silent', $3, $4) AS cut`,
        [tenant, worker.id, iso(now), iso(now + options.rememberSeconds * 1000)],
      );
      const grants = rows[0]?.cut.ended ?? [];
      ended.push(...grants);
      // One that released its grant itself is simply gone.
      if (grants.length > 0) await audit.record(tx, silence(worker, grants.length));
    }
    await tx.query(`DELETE FROM authority.heartbeats WHERE tenant = $1 AND principal_id = ANY ($2::uuid[])`, [
      tenant,
      silent.map((row) => row.id),
    ]);
    return { workers: silent.length, ended };
  }

  function silence(worker: SilentRow, count: number) {
    return {
      ...bareEvent(tenant, {
        action: "token_revoked",
        reason: "heartbeats_missed",
        resource: `agent:${worker.spiffe}`,
        detail: { level: "agent", target: worker.spiffe, count },
      }),
      subject: worker.app,
      actors: [worker.id],
      agent: worker.spiffe,
      app: worker.app,
      task: worker.task,
      orchestration: worker.orchestration,
    };
  }

  async function look(): Promise<number> {
    const now = clock.monotonicMs();
    // Whoever slept heard no beats.
    if (now - lookedAt > 2 * LOOK_EVERY_MS) steadySince = now;
    lookedAt = now;
    const edge = iso(clock.nowMs() - SILENCE_MS);
    try {
      const { rows } = await pool.query<{ silent: boolean }>(
        `SELECT EXISTS (SELECT FROM authority.heartbeats WHERE tenant = $1 AND heard_at < $2) AS silent`,
        [tenant, edge],
      );
      if (rows[0]?.silent !== true || now - steadySince < SILENCE_MS) return 0;
      let total = 0;
      for (;;) {
        const { workers, ended } = await store.transaction("authority", (tx) => endSilent(tx, edge));
        verifier.ended(ended);
        total += workers;
        if (workers < ROWS) return total;
      }
    } catch (error) {
      steadySince = clock.monotonicMs();
      throw error;
    }
  }

  // What fails is made up for by the next look.
  const looking = setInterval(() => void look().catch(() => {}), LOOK_EVERY_MS);
  looking.unref();

  return {
    async find(by, query) {
      if (by.app === undefined || by.kind === "admin")
        throw new DeputizeError("forbidden", "apps and their workers look each other up");
      const limit = query.limit ?? ROWS;
      const { rows } = await pool.query<WorkerRow>(
        `SELECT w.spiffe, encode(w.public_key, 'base64') AS key, w.app_id, w.task, w.orchestration, live.until, h.heard_at
         FROM authority.workers w
         JOIN authority.principals p ON p.tenant = w.tenant AND p.id = w.principal_id AND p.state = 'active'
         JOIN authority.principals a ON a.tenant = w.tenant AND a.id = w.app AND a.state = 'active'
         JOIN LATERAL (
           SELECT max(g.expires_at) AS until FROM authority.grants g
           WHERE g.tenant = w.tenant AND g.actor = w.principal_id AND g.state = 'active' AND g.expires_at > $3
             AND ($4::uuid IS NULL OR EXISTS (SELECT FROM authority.broker_tokens t
               WHERE t.jti = $4::uuid AND t.live AND t.tenant = g.tenant AND t.grant_id = g.id))) live ON live.until IS NOT NULL
         LEFT JOIN authority.heartbeats h ON h.tenant = w.tenant AND h.principal_id = w.principal_id
         WHERE w.tenant = $1 AND w.app = $2 AND ($5::text IS NULL OR w.spiffe = $5) AND ($6::text IS NULL OR w.task = $6)
           AND ($7::text IS NULL OR w.orchestration = $7) AND ($8::text IS NULL OR w.spiffe > $8)
         ORDER BY w.spiffe LIMIT $9`,
        [
          tenant,
          by.app,
          iso(clock.nowMs()),
          query.jti ?? null,
          query.agentId ?? null,
          query.taskId ?? null,
          query.orchId ?? null,
          query.cursor ?? null,
          limit + 1,
        ],
      );
      const agents = rows.slice(0, limit).map(registered);
      const last = agents.at(-1);
      return { agents, ...(rows.length > limit && last && { next: last.agentId }) };
    },

    async beat(by) {
      if (by.kind !== "agent") throw new DeputizeError("forbidden", "only workers send heartbeats");
      const { rows } = await pool.query<{ heard: boolean }>(
        `SELECT authority.worker_heard($1, $2, $3, $4::uuid, $5) AS heard`,
        [tenant, by.principal, by.grants.at(-1), by.jti, iso(clock.nowMs())],
      );
      if (rows[0]?.heard !== true)
        throw new DeputizeError("invalid_token", "the token is invalid or expired");
      return HEARTBEAT;
    },

    look,
    close: () => clearInterval(looking),
  };
}

interface SilentRow {
  readonly id: PrincipalId;
  readonly spiffe: string;
  readonly app: PrincipalId;
  readonly task: string;
  readonly orchestration: string;
}

interface WorkerRow {
  readonly spiffe: string;
  readonly key: string;
  readonly app_id: string;
  readonly task: string;
  readonly orchestration: string;
  readonly until: Date;
  readonly heard_at: Date | null;
}

function registered(row: WorkerRow): RegisteredWorker {
  return {
    agentId: row.spiffe,
    publicKey: row.key,
    appId: row.app_id,
    orchId: row.orchestration,
    taskId: row.task,
    expiresAt: row.until.getTime(),
    ...(row.heard_at && { heardAt: row.heard_at.getTime() }),
  };
}
