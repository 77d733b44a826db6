/** What people asked for, as rows of theirs (migrations/0006_lasting.sql). */
import { type Caller, type Clock, DeputizeError, isUuid } from "@deputize/core";
import { type Label, parseLabel } from "@deputize/guardrails/flow";
import type { Store, Tx } from "@deputize/store";
import { storableText, toJsonb } from "../conversations/jsonb.ts";

export interface LastingRow {
  readonly id: string;
  readonly mandateId: string;
  readonly message: string;
  readonly label: Label;
  readonly startAt: Date;
  readonly everySeconds: number | undefined;
  readonly created: Date;
  readonly cancelled: Date | undefined;
}

/** Work of one person that has not ended. */
const LIVING_MAX = 100;
const LIST_MAX = 100;

const workNotFound = (): DeputizeError => new DeputizeError("not_found", "there is no such work");

interface Stored {
  id: string;
  mandate: string;
  message: string;
  label: unknown;
  start_at: Date;
  every_seconds: number | null;
  created: Date;
  cancelled: Date | null;
}

const COLUMNS = "id, mandate, message, label, start_at, every_seconds, created, cancelled";

const fromStored = (row: Stored): LastingRow => ({
  id: row.id,
  mandateId: row.mandate,
  message: row.message,
  label: parseLabel(row.label),
  startAt: row.start_at,
  everySeconds: row.every_seconds ?? undefined,
  created: row.created,
  cancelled: row.cancelled ?? undefined,
});

export function lastingRows(store: Store, agent: string, clock: Clock) {
  const now = (): Date => new Date(clock.nowMs());
  const write = <T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.asCaller(caller, work, { readOnly: false });

  /** `set` is SQL of ours. Throws `not_found`. */
  const update = (caller: Caller, id: string, set: string, value: unknown): Promise<void> =>
    write(caller, async (tx) => {
      const { rowCount } = await tx.query(
        `UPDATE agent.lasting_work SET ${set} WHERE agent = $1 AND id = $2`,
        [agent, isUuid(id) ? id : null, value],
      );
      if (rowCount !== 1) throw workNotFound();
    });

  return {
    /** False when it is there already. Throws `limit_exceeded`. */
    insert: (caller: Caller, row: Omit<LastingRow, "created" | "cancelled">): Promise<boolean> =>
      write(caller, async (tx) => {
        const living = await tx.query(
          "SELECT FROM agent.lasting_work WHERE agent = $1 AND cancelled IS NULL AND ended IS NULL AND id <> $2",
          [agent, row.id],
        );
        if (living.rows.length >= LIVING_MAX) {
          throw new DeputizeError(
            "limit_exceeded",
            `cancel something first; ${LIVING_MAX} may be at work at once`,
          );
        }
        const made = await tx.query(
          `INSERT INTO agent.lasting_work (tenant, owner, agent, id, mandate, message, label, start_at, every_seconds, created)
           VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10) ON CONFLICT DO NOTHING`,
          [
            caller.tenant,
            caller.subject,
            agent,
            row.id,
            row.mandateId,
            storableText(row.message),
            toJsonb(row.label),
            row.startAt,
            row.everySeconds ?? null,
            now(),
          ],
        );
        return made.rowCount === 1;
      }),

    /** Throws `not_found`, for another's as for none. */
    get: (caller: Caller, id: string): Promise<LastingRow> =>
      store.asCaller(caller, async (tx) => {
        const { rows } = await tx.query<Stored>(
          `SELECT ${COLUMNS} FROM agent.lasting_work WHERE agent = $1 AND id = $2`,
          [agent, isUuid(id) ? id : null],
        );
        if (!rows[0]) throw workNotFound();
        return fromStored(rows[0]);
      }),

    /** Newest first. */
    list: (caller: Caller): Promise<LastingRow[]> =>
      store.asCaller(caller, async (tx) => {
        const { rows } = await tx.query<Stored>(
          `SELECT ${COLUMNS} FROM agent.lasting_work WHERE agent = $1 ORDER BY created DESC, id DESC LIMIT ${LIST_MAX}`,
          [agent],
        );
        return rows.map(fromStored);
      }),

    giveMandate: (caller: Caller, id: string, mandateId: string) =>
      update(caller, id, "mandate = $3", mandateId),
    cancel: (caller: Caller, id: string) => update(caller, id, "cancelled = coalesce(cancelled, $3)", now()),
    end: (caller: Caller, id: string) => update(caller, id, "ended = coalesce(ended, $3)", now()),

    /** Removes all of a person's, by the only role that may; answers the engine's ids of it. */
    async erase(tenant: string, subject: string): Promise<readonly string[]> {
      const { rows } = await store.transaction("authority", (tx) =>
        tx.query<{ gone: string[] }>("SELECT agent.erase_lasting($1, $2) AS gone", [tenant, subject]),
      );
      return rows[0]?.gone ?? [];
    },
  };
}

export type LastingRows = ReturnType<typeof lastingRows>;
