/**
 * One transaction on one connection.
 *
 * Guarantees: it ends at its deadline, at the server too [SR-16], and leaves nothing on its connection for the next [SR-17]. What
 * begins it goes to the server right in front of its first statement, on the same connection, so that no statement runs outside
 * of it: where the beginning fails, the server refuses the statement, and no answer is handed out before the beginning's.
 * Does not: retry.
 */
import { drizzle } from "drizzle-orm/node-postgres";
import type pg from "pg";
import { DeputizeError, isDeputizeError, systemClock, telemetry } from "@deputize/core";
import type { Backend } from "./backend.ts";
import { mapDatabaseError, sqlState } from "./errors.ts";
import type { QueryResult, Tx } from "./queryable.ts";
import type { LoginRole } from "./roles.ts";

export interface TransactionOptions {
  /** `true` refuses every write at the server. */
  readonly readOnly?: boolean;
  /** How long the transaction may live; 15 s unless told. */
  readonly deadlineMs?: number;
  /** Ends the transaction early; what it did is rolled back. */
  readonly signal?: AbortSignal;
}

/** How a transaction begins. */
export interface Beginning {
  /** One message that begins it; given its connection and how long it may live. */
  readonly message: (client: pg.PoolClient, deadlineMs: number) => string | Promise<string>;
  /** It writes nothing, so nobody has to wait for its end. */
  readonly readOnly: boolean;
  /** The work starts only once the server has agreed: it may refuse the caller, and work may do more than statements [SR-13]. */
  readonly asksFirst: boolean;
}

const DEFAULT_DEADLINE_MS = 15_000;

/** The server ends a late statement by its own timeout; the embedded one has to lose its thread. */
const PATIENCE_MS = 500;

/**
 * What a transaction could leave behind on its connection for the next caller: settings (a seal among them), cursors that
 * outlive a commit, prepared statements. Sent with the last statement, so it costs no trip [SR-17].
 */
const FORGET = "CLOSE ALL; DEALLOCATE ALL; RESET ALL";

/** Runs `work` in a transaction of `role`, in a span of its own. Throws what it throws, and `timeout` or `unavailable`. */
export const runTransaction: typeof transact = (backend, role, beginning, work, options) =>
  telemetry.span("db.transaction", { "db.system.name": "postgresql", "deputize.db.role": role }, () =>
    transact(backend, role, beginning, work, options),
  );

async function transact<T>(
  backend: Backend,
  role: LoginRole,
  beginning: Beginning,
  work: (tx: Tx) => Promise<T>,
  options: Omit<TransactionOptions, "readOnly">,
): Promise<T> {
  const { deadlineMs = DEFAULT_DEADLINE_MS, signal } = options;
  let client: pg.PoolClient;
  try {
    client = await backend.pool(role).connect();
  } catch (error) {
    throw fault(error, "connect");
  }
  let open = true;
  // Timers wait while this thread is busy; the clock does not.
  const until = systemClock.monotonicMs() + deadlineMs;
  const inTime = (): boolean => open && systemClock.monotonicMs() < until;
  const refuseLate = (): void => {
    if (!inTime()) throw tooLate();
  };
  const tx = new Transaction(client, inTime);
  const out = Promise.withResolvers<never>();
  out.promise.catch(() => {});
  const giveUp = (): void => {
    open = false;
    out.reject(tooLate());
  };
  const timer = setTimeout(giveUp, deadlineMs);
  if (signal?.aborted) giveUp();
  else signal?.addEventListener("abort", giveUp, { once: true });
  let prepared: Promise<string> | undefined;
  try {
    const inside = (async () => {
      prepared = Promise.resolve(beginning.message(client, deadlineMs));
      tx.message = await prepared;
      refuseLate();
      if (beginning.asksFirst) {
        await tx.begin();
        refuseLate();
      }
      const value = await work(tx);
      await tx.begun;
      refuseLate();
      open = false;
      clearTimeout(timer);
      if (!beginning.readOnly && tx.begun) await client.query(`COMMIT; ${FORGET}`);
      return value;
    })();
    inside.catch(() => {});
    const value = await Promise.race([inside, out.promise]);
    if (beginning.readOnly && tx.begun) void endReading(client, tx);
    else client.release();
    return value;
  } catch (error) {
    open = false;
    // One that is given up while it begins has yet to begin before it can be ended, or the next borrower would find it open.
    const ended = await rollback(backend, client, Promise.allSettled([prepared, tx.begun, tx.settled]));
    client.release(!ended);
    throw fault(error, "transaction");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

function tooLate(): DeputizeError {
  return new DeputizeError("timeout", "the transaction took too long; nothing was changed");
}

/** The error as callers see it. What is the database's own trouble, and no refusal, is counted. */
function fault(error: unknown, operation: "connect" | "transaction"): unknown {
  const mapped = mapDatabaseError(error);
  const own =
    mapped !== error && isDeputizeError(mapped) ? mapped.status >= 500 : sqlState(error) !== undefined;
  if (own) telemetry.count("db_errors", { operation });
  return mapped;
}

/** Ends a transaction that read. Its answer stands by then; the connection is lent again only after this. */
async function endReading(client: pg.PoolClient, tx: Transaction): Promise<void> {
  await tx.settled;
  try {
    await client.query(`COMMIT; ${FORGET}`);
  } catch (error) {
    client.release(true);
    fault(error, "transaction");
    return;
  }
  client.release();
}

/** Ends the transaction; false when the connection can no longer be trusted. */
async function rollback(
  backend: Backend,
  client: pg.PoolClient,
  running: Promise<unknown>,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), PATIENCE_MS);
  });
  const ended = running
    .then(() => client.query(`ROLLBACK; ${FORGET}`))
    .then(
      () => "done" as const,
      () => "broken" as const,
    );
  const outcome = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (outcome === "late" && backend.abort) await backend.abort();
  return outcome === "done";
}

class Transaction implements Tx {
  readonly #client: pg.PoolClient;
  readonly #isOpen: () => boolean;
  #db: Tx["db"] | undefined;
  /** What begins it. */
  message = "";
  /** Resolves when the server has begun it; undefined before anything was sent. */
  begun: Promise<unknown> | undefined;
  /** Resolves when no statement of this transaction runs any more. */
  settled: Promise<unknown> = Promise.resolve();

  constructor(client: pg.PoolClient, isOpen: () => boolean) {
    this.#client = client;
    this.#isOpen = isOpen;
  }

  begin(): Promise<unknown> {
    this.begun ??= this.#client.query(this.message);
    return this.begun;
  }

  query<R>(text: string, params: readonly unknown[] = []): Promise<QueryResult<R>> {
    return this.#send(() => this.#client.query(text, params as unknown[])) as unknown as Promise<
      QueryResult<R>
    >;
  }

  get db(): Tx["db"] {
    // Drizzle calls `query` with a config object; the same gate stands before it.
    const gate = {
      query: (...args: [pg.QueryConfig, unknown[]?]) => this.#send(() => this.#client.query(...args)),
    };
    this.#db ??= drizzle(gate as unknown as pg.PoolClient);
    return this.#db;
  }

  async #send<R>(statement: () => Promise<R>): Promise<R> {
    if (!this.#isOpen()) throw new DeputizeError("timeout", "the transaction has ended");
    const [begun, answer] = inOnePacket(this.#client, () => [this.begin(), statement()] as const);
    this.settled = Promise.allSettled([this.settled, answer]);
    // The beginning's error first: the statement's would only say that the transaction was aborted.
    const [, answered] = await Promise.all([begun, answer]);
    return answered;
  }
}

/** Writes at once what `send` sends, where the connection is a socket. */
function inOnePacket<T>(client: pg.PoolClient, send: () => T): T {
  // The embedded database's client shows no connection.
  const { stream } = (client as Partial<pg.PoolClient>).connection ?? {};
  stream?.cork();
  try {
    return send();
  } finally {
    stream?.uncork();
  }
}
