/**
 * The sequencer: takes submissions from the outbox in order, appends them to the tree, signs the tree.
 *
 * Guarantees: there is one tree. A leader holds a lease and an epoch; every append compares epoch and size of the
 * head and swaps them in the transaction that inserts the entries, so a leader that slept through its lease
 * appends nothing [SR-18]. Only what is committed, with the commit flushed, is signed; a checkpoint is flushed to
 * the anchor before it is published. Each step can fail, or succeed and report failure, and the next one
 * goes on from what the database says: running and recovering are the same path.
 * Does not: decide what is true. It logs what was committed.
 */
import { type Clock, DeputizeError, newId, telemetry } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import type { Anchor } from "./anchor.ts";
import { formatCheckpoint, openCheckpoint } from "./checkpoint.ts";
import { encodeEvent } from "./event.ts";
import { makeEntry } from "./leaf.ts";
import type { EntryMac } from "./mac.ts";
import { type VerifierKey, parseVerifierKey } from "./note.ts";
import { readLeaf } from "./order-watch.ts";
import {
  HEAD_COLUMNS,
  type HeadRow,
  readCheckpoint,
  readHead,
  readNodes,
  readOutbox,
  readTaken,
  toHead,
} from "./reader.ts";
import type { NoteSigner, Witness } from "./signer.ts";
import { type GrowingTree, growTree, leafHash, peakAddresses, rootAt } from "./tree.ts";

export interface SequencerOptions {
  readonly store: Store;
  readonly signer: NoteSigner;
  readonly witness: Witness | undefined;
  readonly anchor: Anchor | undefined;
  readonly mac?: EntryMac | undefined;
  readonly clock: Clock;
  readonly batchSize: number;
  readonly leaseMs: number;
}

/** `follower`: another process leads. `more`: the outbox was fuller than one batch. */
export type StepResult = "follower" | "idle" | "more";

export interface Sequencer {
  /** One round: lead or see that another does, append one batch, sign. Throws when a part failed; call it again. */
  step(): Promise<StepResult>;
  /** Lets another process lead at once. */
  resign(): Promise<void>;
}

interface Leadership {
  readonly epoch: number;
  readonly tree: GrowingTree;
  lastHash: Buffer;
  signedSize: number;
  renewedAt: number;
}

export function createSequencer(options: SequencerOptions): Sequencer {
  const { store, clock, batchSize, leaseMs } = options;
  const holder = newId(clock);
  let leading: Leadership | undefined;

  async function step(): Promise<StepResult> {
    try {
      leading ??= await elect();
      if (!leading) return "follower";
      await sign(leading);
      const appended = await append(leading);
      if (appended === 0) {
        await renew(leading);
        return "idle";
      }
      await sign(leading);
      return appended === batchSize ? "more" : "idle";
    } catch (error) {
      // Whatever we believed about the head may be wrong now. The database knows.
      leading = undefined;
      if (error instanceof Fenced) return "follower";
      throw error;
    }
  }

  async function elect(): Promise<Leadership | undefined> {
    const renewedAt = clock.monotonicMs();
    const head = await store.transaction("sequencer", async (tx) => {
      const { rows } = await tx.query<HeadRow>(
        `UPDATE audit.head SET epoch = epoch + 1, holder = $1,
           lease_until = clock_timestamp() + $2 * interval '1 millisecond'
         WHERE lease_until <= clock_timestamp() OR holder = $1
         RETURNING ${HEAD_COLUMNS}`,
        [holder, leaseMs],
      );
      return rows[0] && toHead(rows[0]);
    });
    if (!head) return undefined;
    const db = store.pool("sequencer");
    await checkAnchor(db, head.size, options);
    const tree = growTree(head.size, await readNodes(db, peakAddresses(head.size)));
    const newest = await readCheckpoint(db);
    const signedSize = newest?.size ?? 0;
    if (!tree.root().equals(head.root) || signedSize > head.size) {
      throw fatal("the stored tree does not have the root that its head says");
    }
    if (!options.mac) await refuseKeyed(db);
    if (newest && !(await openCheckpoint(newest.note, await ownKey()))) await announceKey(db);
    return { epoch: head.epoch, tree, lastHash: head.lastHash, signedSize, renewedAt };
  }

  /** A tree signed by an earlier key gets an entry that says so, and with it a checkpoint of the present key [SR-21]. */
  async function announceKey(db: Queryable): Promise<void> {
    const detail = { public_key: options.signer.verifierKey };
    const event = { action: "log.key_changed", outcome: "info", tenant: "default", detail } as const;
    await db.query("SELECT audit.submit_named($1::uuid, $2::jsonb)", [newId(clock), encodeEvent(event)]);
  }

  async function ownKey(): Promise<VerifierKey> {
    const key = await parseVerifierKey(options.signer.verifierKey);
    if (!key) throw new DeputizeError("internal", "the log's own verifier key does not parse");
    return key;
  }

  /** Appends one batch in one transaction; returns how many. */
  async function append(leader: Leadership): Promise<number> {
    const batch = await readOutbox(store.pool("sequencer"), batchSize);
    if (batch.length === 0) return 0;
    const began = clock.monotonicMs();
    await telemetry.span("audit.append", { entries: batch.length }, () => appendBatch(leader, batch));
    telemetry.observe("audit_write", (clock.monotonicMs() - began) / 1000, {});
    return batch.length;
  }

  async function appendBatch(
    leader: Leadership,
    batch: Awaited<ReturnType<typeof readOutbox>>,
  ): Promise<void> {
    const db = store.pool("sequencer");
    const taken = await readTaken(
      db,
      batch.map((item) => item.id),
    );
    const oldSize = leader.tree.size;
    const positions = batch.map((item) => item.position);
    const entries = batch.map((item) => {
      const seq = leader.tree.size;
      const prev = leader.lastHash.toString("hex");
      // Two submissions of one id come from a retry or from a forger. Neither may stop the log or hide.
      const submission = taken.has(item.id) ? { ...item, id: newId(clock) } : item;
      const place = { seq, prev, ...(taken.has(item.id) && { duplicateOf: item.id }) };
      const entry = makeEntry(submission, place, options.mac);
      const hash = leafHash(Buffer.from(entry.leaf));
      const completed = Buffer.concat(leader.tree.append(hash)).toString("hex");
      leader.lastHash = hash;
      const { subject = null, about, body, tenant } = entry;
      return {
        action: entry.action,
        row: {
          seq,
          id: submission.id,
          at: item.at,
          leaf: entry.leaf,
          hash: hash.toString("hex"),
          prev,
          completed,
        },
        opening: { seq, tenant, subject, about, body },
      };
    });
    await store.transaction("sequencer", async (tx) => {
      await tx.query("SET LOCAL synchronous_commit = on");
      await swapHead(tx, leader, oldSize);
      await tx.query(
        `INSERT INTO audit.entries (seq, id, at, leaf, leaf_hash, prev_hash, completed)
         SELECT seq, id, at, leaf, decode(hash, 'hex'), decode(prev, 'hex'), decode(completed, 'hex')
         FROM json_to_recordset($1::json)
           AS x (seq bigint, id uuid, at timestamptz, leaf text, hash text, prev text, completed text)`,
        [JSON.stringify(entries.map((entry) => entry.row))],
      );
      await tx.query(
        `INSERT INTO audit.openings (seq, tenant, subject, about, body)
         SELECT seq, tenant, subject, ARRAY(SELECT json_array_elements_text(about)::uuid), body
         FROM json_to_recordset($1::json) AS x (seq bigint, tenant text, subject uuid, about json, body text)`,
        [JSON.stringify(entries.map((entry) => entry.opening))],
      );
      const gone = await tx.query(
        "DELETE FROM audit.outbox WHERE position IN (SELECT value::bigint FROM json_array_elements_text($1::json))",
        [JSON.stringify(positions)],
      );
      if (gone.rowCount !== batch.length) throw new Fenced();
    });
    for (const { action } of entries) telemetry.count("audit_events", { event_type: action });
  }

  async function swapHead(tx: Queryable, leader: Leadership, oldSize: number): Promise<void> {
    const renewedAt = clock.monotonicMs();
    const { tree } = leader;
    const swapped = await tx.query(
      `UPDATE audit.head SET size = $3, root = decode($4, 'hex'), last_hash = decode($5, 'hex'),
         lease_until = clock_timestamp() + $6 * interval '1 millisecond'
       WHERE epoch = $1 AND size = $2`,
      [
        leader.epoch,
        oldSize,
        tree.size,
        tree.root().toString("hex"),
        leader.lastHash.toString("hex"),
        leaseMs,
      ],
    );
    if (swapped.rowCount !== 1) throw new Fenced();
    leader.renewedAt = renewedAt;
  }

  /** Signs the tree as it is committed, once for each size. */
  async function sign(leader: Leadership): Promise<void> {
    const { tree } = leader;
    if (leader.signedSize === tree.size) return;
    const root = tree.root();
    const signed = options.signer.sign(formatCheckpoint(options.signer.name, tree.size, root));
    const note = options.witness?.cosign(signed, Math.floor(clock.nowMs() / 1000)) ?? signed;
    await options.anchor?.append(note);
    await store.transaction("sequencer", async (tx) => {
      await tx.query("SET LOCAL synchronous_commit = on");
      await tx.query(
        `INSERT INTO audit.checkpoints (size, root, note, at) VALUES ($1, decode($2, 'hex'), $3, clock_timestamp())
         ON CONFLICT (size) DO NOTHING`,
        [tree.size, root.toString("hex"), note],
      );
    });
    leader.signedSize = tree.size;
  }

  async function renew(leader: Leadership): Promise<void> {
    const now = clock.monotonicMs();
    if (now - leader.renewedAt < leaseMs / 3) return;
    const { rowCount } = await store
      .pool("sequencer")
      .query(
        `UPDATE audit.head SET lease_until = clock_timestamp() + $2 * interval '1 millisecond' WHERE epoch = $1`,
        [leader.epoch, leaseMs],
      );
    if (rowCount !== 1) throw new Fenced();
    leader.renewedAt = now;
  }

  return {
    step,
    resign: async () => {
      if (!leading) return;
      const { epoch } = leading;
      leading = undefined;
      await store
        .pool("sequencer")
        .query("UPDATE audit.head SET lease_until = clock_timestamp() WHERE epoch = $1", [epoch]);
    },
  };
}

/** Another leader was elected, or the head is not what we thought. Not an error: we stop leading. */
class Fenced extends Error {}

/** The log cannot say what was committed: it must not sign anything more until a person has looked. */
export class LogDamaged extends DeputizeError {}

/** What stops the log, with the fix. */
export function fatal(what: string): LogDamaged {
  return new LogDamaged(
    "audit_unavailable",
    `${what}; run \`deputize audit verify\` before anything is signed`,
  );
}

/** A log whose entries carry codes goes on with codes: one without would look as if somebody had stripped it. */
async function refuseKeyed(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ leaf: string }>(
    "SELECT leaf FROM audit.entries ORDER BY seq DESC LIMIT 1",
  );
  if (rows[0] === undefined || readLeaf(rows[0].leaf)?.mac === undefined) return;
  throw new LogDamaged(
    "audit_unavailable",
    "the log's entries carry codes, and this process has no secret to make them with; give it the log's, as DEPUTIZE_AUDIT_SECRET or DEPUTIZE_AUDIT_SECRET_FILE",
  );
}

/** Refuses a database that is older than, or other than, what was signed before. */
async function checkAnchor(
  db: Queryable,
  size: number,
  options: Pick<SequencerOptions, "anchor" | "signer">,
): Promise<void> {
  const note = options.anchor?.notes.at(-1);
  if (note === undefined) return;
  const key = await parseVerifierKey(options.signer.verifierKey);
  const anchored = key && (await openCheckpoint(note, key));
  if (!anchored) {
    throw fatal(
      "the anchor file holds a checkpoint of another key or of nobody; move it away if the key was changed",
    );
  }
  if (anchored.size > size)
    throw fatal("the database is older than the newest checkpoint in the anchor file");
  const root = await rootAt(anchored.size, (addresses) => readNodes(db, addresses));
  if (!root.equals(anchored.root)) throw fatal("the database holds another tree than the anchor file");
}

/** The anchor check for a process that does not lead. */
export async function checkAnchorAtStart(options: SequencerOptions): Promise<void> {
  const db = options.store.pool("sequencer");
  await checkAnchor(db, (await readHead(db)).size, options);
}
