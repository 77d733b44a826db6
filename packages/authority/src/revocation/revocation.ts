/**
 * The revocation feed, as verifiers read it.
 *
 * Guarantees: epoch, position and entries come from one statement, hence one snapshot; positions appear in
 * order and without a hole, because the counter's row is locked until commit; an answer was read after its
 * question came in, also when questions are coalesced (SR-11), and after what was planned to end by then had ended. A
 * restart of the epoch ends every grant (SR-21).
 * NOTIFY only wakes streams: each wake-up reads the database.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import type { FeedDocument } from "@deputize/client";
import type { AuditLog } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import type { Grants } from "../grants/grants.ts";
import { coalesce } from "./coalesce.ts";
import { anyEndDue, endDue } from "./early-ends.ts";

export interface FeedPlace {
  readonly epoch: string;
  readonly position: number;
}

export interface Revocation {
  /** The whole feed, or what came after `place`; a whole one too when `place` is of another history. */
  read(place?: FeedPlace): Promise<FeedDocument>;
  /** Epoch and position now. */
  ping(): Promise<FeedPlace>;
  /** Calls `onChange` when the feed may have moved, and at least every `everyMs`. */
  follow(onChange: () => void, everyMs: number): () => void;
  /** Forgets entries that can concern no token any more; also runs by itself now and then. */
  prune(): Promise<number>;
  /** After a restore: a new epoch, and every grant ended. Answers how many. The caller also voids the keys. */
  restart(tx: Queryable, reason: string): Promise<number>;
  start(): Promise<void>;
  close(): Promise<void>;
}

const REVOCATION_CHANNEL = "deputize_revocations";

/** Entries outlive their use by at most this. */
const PRUNE_EVERY_MS = 600_000;

/** Planned ends are kept also while nobody reads the feed. */
const DUE_EVERY_MS = 1_000;

export function createRevocation(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "record">;
  readonly grants: Pick<Grants, "revokeMany">;
  readonly tenant: string;
  readonly newEpoch: () => string;
}): Revocation {
  const { store, clock } = options;
  const followers = new Set<() => void>();
  let stopListening: (() => Promise<void>) | undefined;
  let pruning: NodeJS.Timeout | undefined;
  let ending: NodeJS.Timeout | undefined;

  const iso = (): string => new Date(clock.nowMs()).toISOString();

  async function entriesAfter(after: number | null): Promise<FeedDocument> {
    const { rows } = await store.pool("authority").query<{ feed: FeedDocument }>(
      `SELECT jsonb_build_object('epoch', s.epoch, 'position', s.position, 'from', $1::bigint, 'entries',
         coalesce((SELECT jsonb_agg(jsonb_build_object('position', f.position, 'kind', f.kind, 'value', f.value,
             'number', f.number, 'expires_at', ceil(extract(epoch FROM f.expires_at))) ORDER BY f.position)
           FROM authority.revocation_feed f WHERE f.position > coalesce($1::bigint, 0) AND f.expires_at > $2), '[]')) AS feed
       FROM authority.feed_state s`,
      [after, iso()],
    );
    const feed = rows[0]?.feed;
    if (!feed) throw new DeputizeError("internal", "the feed has no state row");
    return feed;
  }

  async function readPlace(): Promise<FeedPlace> {
    const { rows } = await store
      .pool("authority")
      .query<FeedPlace & { due: boolean }>(
        `SELECT epoch, position, ${anyEndDue("$1")} AS due FROM authority.feed_state`,
        [iso()],
      );
    if (!rows[0]) throw new DeputizeError("internal", "the feed has no state row");
    const { due, ...place } = rows[0];
    if (!due) return place;
    await endDue(store, clock, options.grants);
    return readPlace();
  }

  const ping = coalesce(readPlace);

  function prune(): Promise<number> {
    return store.transaction("authority", async (tx) => {
      const feed = await tx.query(`DELETE FROM authority.revocation_feed WHERE expires_at <= $1`, [iso()]);
      await tx.query(`DELETE FROM authority.revoked_tokens WHERE expires_at <= $1`, [iso()]);
      return feed.rowCount ?? 0;
    });
  }

  function wake(): void {
    for (const follower of followers) follower();
  }

  return {
    ping,
    async read(place) {
      const now = await ping();
      if (place === undefined) return entriesAfter(null);
      if (now.epoch !== place.epoch || place.position > now.position) return entriesAfter(null);
      // Most questions find nothing new; one coalesced read answers all of them.
      if (now.position === place.position) return { ...now, from: place.position, entries: [] };
      const delta = await entriesAfter(place.position);
      return delta.epoch === place.epoch ? delta : entriesAfter(null);
    },
    follow(onChange, everyMs) {
      const timer = setInterval(onChange, everyMs);
      timer.unref();
      followers.add(onChange);
      return () => {
        clearInterval(timer);
        followers.delete(onChange);
      };
    },
    prune,
    async restart(tx, reason) {
      const epoch = options.newEpoch();
      const ended = await tx.query(
        `UPDATE authority.grants SET state = 'revoked', revoked_at = $1, reason = $2 WHERE state = 'active'`,
        [iso(), reason],
      );
      await tx.query(`DELETE FROM authority.early_ends`);
      await tx.query(`UPDATE authority.feed_state SET epoch = $1`, [epoch]);
      await options.audit.record(tx, {
        action: "authority.restarted",
        outcome: "info",
        tenant: options.tenant,
        detail: { reason, epoch, ended: ended.rowCount ?? 0 },
      });
      return ended.rowCount ?? 0;
    },
    async start() {
      stopListening ??= await store.listen(REVOCATION_CHANNEL, wake);
      // A failed round is made up for by the next.
      pruning ??= setInterval(() => void prune().catch(() => {}), PRUNE_EVERY_MS);
      pruning.unref();
      ending ??= setInterval(() => void ping().catch(() => {}), DUE_EVERY_MS);
      ending.unref();
    },
    async close() {
      clearInterval(pruning);
      clearInterval(ending);
      followers.clear();
      await stopListening?.();
      stopListening = undefined;
    },
  };
}
