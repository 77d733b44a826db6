/**
 * The audit log of one process: records for the rooms, drives the sequencer, answers receipts.
 *
 * Guarantees: `record` commits with the effect or not at all; any number of processes over one store make one log
 * (sequencer.ts). Reads and appends use the sequencer's role, so no other pool can read the log.
 * Does not: decide who may see a receipt, beyond `onlyFor`.
 */
import { DeputizeError, newId, systemClock } from "@deputize/core";
import { type Anchor, openAnchor, readAnchor } from "./anchor.ts";
import { createAppender } from "./appender.ts";
import type { AuditLog, AuditLogOptions } from "./audit-log.ts";
import { eraseOpenings } from "./erase.ts";
import { encodeEvent } from "./event.ts";
import { unavailable } from "./group-commit.ts";
import { readStoreLog } from "./log-source.ts";
import { entryMac } from "./mac.ts";
import { queryEntries } from "./query.ts";
import { proveConsistency, proveEntry } from "./receipt.ts";
import { auditReader, readCheckpoint } from "./reader.ts";
import {
  LogDamaged,
  type Sequencer,
  type SequencerOptions,
  type StepResult,
  checkAnchorAtStart,
  createSequencer,
  fatal,
} from "./sequencer.ts";
import { sharedRun } from "./shared-run.ts";
import { noteSigner, witness } from "./signer.ts";
import { type LogItem, verifyItems } from "./verify-log.ts";
import { createView } from "./view.ts";

const DEFAULTS = { batchSize: 2_000, pollMs: 200, leaseMs: 3_000 } as const;

/** After a submission of this process its commit is near, so we look more often for a while. */
const EAGER = { forMs: 1_000, pollMs: 15 } as const;

/** A busy sequencer rests this many times as long as its last step took, so that it leaves the effects the most of
 * the database's time; what waits meanwhile shares the next step. */
const REST_PER_STEP = 8;

const FLUSH_MS = 15_000;
const RETRY_MS = 500;

/** How long the start waits for the log to be verified. */
const VERIFY_WAIT_MS = 2_000;

/** Makes the log. Throws `config_invalid` for a bad key or origin. Nothing runs before `start`. */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { store, clock = systemClock, pollMs = DEFAULTS.pollMs, leaseMs = DEFAULTS.leaseMs } = options;
  const signer = noteSigner(options.origin, options.signingKey);
  const second = options.witness && witness(options.witness.name, options.witness.key);
  const mac = options.secret === undefined ? undefined : entryMac(options.secret, signer.verifierKey);
  const appender = createAppender(store, clock);
  const db = auditReader(store);

  let opening: Promise<{ sequencer: Sequencer; anchor: Anchor | undefined }> | undefined;
  let loop: Promise<void> | undefined;
  let stopping = false;
  let damaged: LogDamaged | undefined;
  let eagerUntil = 0;
  let wake = (): void => {};
  let turn: Promise<unknown> = Promise.resolve();
  let verifying: Promise<void> | undefined;

  async function open() {
    const anchor = options.anchorFile === undefined ? undefined : await openAnchor(options.anchorFile);
    const { batchSize = DEFAULTS.batchSize } = options;
    const parts: SequencerOptions = {
      store,
      signer,
      witness: second,
      anchor,
      mac,
      clock,
      batchSize,
      leaseMs,
    };
    try {
      await checkAnchorAtStart(parts);
    } catch (error) {
      await anchor?.close();
      throw error;
    }
    return { sequencer: createSequencer(parts), anchor };
  }

  function opened() {
    if (stopping) throw new DeputizeError("audit_unavailable", "the audit log of this process is closed");
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  /** One step at a time, whoever asks: the loop or `flush`. */
  function step(): Promise<StepResult> {
    const next = turn.then(async () => {
      if (damaged) throw damaged;
      return (await opened()).sequencer.step();
    });
    turn = next.catch((error: unknown) => {
      if (error instanceof LogDamaged) damaged = error;
    });
    return next;
  }

  async function run(): Promise<void> {
    while (!stopping) {
      let rest: number;
      try {
        const started = clock.monotonicMs();
        const result = await step();
        if (result === "more") continue;
        const now = clock.monotonicMs();
        const eager = now < eagerUntil && result === "idle";
        rest = eager ? Math.min(pollMs, Math.max(EAGER.pollMs, REST_PER_STEP * (now - started))) : pollMs;
      } catch (error) {
        if (stopping) return;
        options.onError?.(error, error instanceof LogDamaged);
        // A damaged log takes no more work until a person has looked and restarted it.
        if (error instanceof LogDamaged) return;
        rest = RETRY_MS;
      }
      await sleep(rest, (end) => {
        wake = end;
      });
    }
  }

  /** Reads the whole log; what is wrong with it stops this process from recording anything more [SR-20]. */
  async function verifyAll(): Promise<void> {
    const publicKey = [...(options.earlierKeys ?? []), signer.verifierKey];
    const held = options.anchorFile === undefined ? [] : await readAnchor(options.anchorFile);
    const report = await verifyItems(whileOpen(readStoreLog(db)), { publicKey, held });
    // The newest entries may just not be signed yet, when another process leads.
    const problem = report.problems.find(({ kind }) => kind !== "unsigned");
    if (stopping || !problem) return;
    const { seq, entryId, message } = problem;
    damaged = fatal(`entry ${seq}${entryId === undefined ? "" : ` (${entryId})`}: ${message}`);
    options.onError?.(damaged, true);
  }

  async function* whileOpen(items: AsyncIterable<LogItem>): AsyncGenerator<LogItem> {
    for await (const item of items) {
      if (stopping) return;
      yield item;
    }
  }

  function expectCommit(): void {
    const now = clock.monotonicMs();
    // Who is eager already looks soon enough; waking it by each entry would leave it no rest.
    const asleep = now >= eagerUntil;
    eagerUntil = now + EAGER.forMs;
    if (asleep) wake();
  }

  /** Until all submitted before the call has its place in the log, and when asked is signed too. */
  async function catchUp(signedToo: boolean): Promise<void> {
    const { rows } = await db.query<{ newest: string }>(
      "SELECT coalesce(max(position), 0) AS newest FROM audit.outbox",
    );
    const deadline = clock.monotonicMs() + FLUSH_MS;
    const newest = rows[0]?.newest;
    for (;;) {
      const state = await db.query<{ waits: boolean; size: string; signed: string }>(
        `SELECT EXISTS (SELECT 1 FROM audit.outbox WHERE position <= $1) AS waits, h.size,
           (SELECT coalesce(max(c.size), 0) FROM audit.checkpoints c) AS signed
         FROM audit.head h`,
        [newest],
      );
      const { waits, size, signed } = state.rows[0] ?? { waits: true, size: "0", signed: "0" };
      if (!waits && (!signedToo || Number(signed) >= Number(size))) return;
      if (clock.monotonicMs() > deadline) {
        throw new DeputizeError(
          "timeout",
          "the audit log did not catch up in time; is another process leading and stuck?",
        );
      }
      if ((await step()) === "follower") await sleep(20);
    }
  }

  async function flush(): Promise<void> {
    await appender.settled();
    await catchUp(true);
  }

  const settle = sharedRun(() => catchUp(false));

  return {
    publicKey: signer.verifierKey,
    record: async (tx, event) => {
      if (damaged) throw damaged;
      const id = newId(clock);
      const encoded = encodeEvent(event);
      try {
        await tx.query("SELECT audit.submit($1::uuid, $2::jsonb)", [id, encoded]);
      } catch (error) {
        throw unavailable(error);
      }
      expectCommit();
      return id;
    },
    announce: () => {
      if (damaged) throw damaged;
      expectCommit();
    },
    append: async (event) => {
      if (damaged) throw damaged;
      const id = await appender.append(event);
      expectCommit();
      return id;
    },
    receipt: (entryId, receiptOptions = {}) =>
      proveEntry(entryId, { ...receiptOptions, db, publicKey: signer.verifierKey }),
    checkpoint: () => readCheckpoint(db),
    consistency: (oldSize, newSize) => proveConsistency(db, oldSize, newSize),
    query: (query) => queryEntries({ db, settle }, query),
    view: (render) => createView({ db, settle }, render),
    list: async (listOptions = {}) =>
      (await queryEntries({ db, settle: () => Promise.resolve() }, listOptions)).entries,
    counts: async () => {
      const { rows } = await db.query<{ entries: string; pending: string }>(
        `SELECT (SELECT coalesce(max(size), 0) FROM audit.checkpoints) AS entries,
           (SELECT count(*) FROM audit.outbox) AS pending`,
      );
      return { entries: Number(rows[0]?.entries ?? 0), pending: Number(rows[0]?.pending ?? 0) };
    },
    erase: async (what) => {
      await flush();
      return eraseOpenings(store, what);
    },
    start: async () => {
      if (options.verifyAtStart) {
        verifying ??= verifyAll().catch((error: unknown) => {
          if (!stopping) options.onError?.(error, false);
        });
        await Promise.race([verifying, sleep(VERIFY_WAIT_MS)]);
        if (damaged) throw damaged;
      }
      await step();
      loop ??= run();
    },
    flush,
    settle,
    close: async () => {
      if (stopping) return;
      await appender.settled();
      stopping = true;
      wake();
      await loop;
      await verifying;
      await turn;
      const parts = await opening?.catch(() => undefined);
      await parts?.sequencer.resign().catch((error: unknown) => options.onError?.(error, false));
      await parts?.anchor?.close();
    },
  };
}

/** Rests, or until `onWake`'s function is called. */
function sleep(milliseconds: number, onWake?: (end: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    onWake?.(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
