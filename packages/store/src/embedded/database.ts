/**
 * The embedded database: PGlite in a worker thread, behind one `pg` client that is lent to one borrower at
 * a time. Its session is a superuser that puts on a login role for each borrower; that is weaker than
 * Postgres, where each role has its own connection (docs/security.md says what follows) [SR-01].
 */
import { mkdirSync, statfsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { DeputizeError } from "@deputize/core";
import pg from "pg";
import type { QueryResult } from "../queryable.ts";
import { typeParsers } from "../types.ts";
import { lockFolder } from "./lock.ts";
import { EmbeddedWire } from "./wire.ts";

export class EmbeddedDatabase {
  readonly #dataDir: string | undefined;
  readonly #snapshot: Blob | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #worker: Worker | undefined;
  #client: pg.Client | undefined;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #listeners = new Map<string, Set<(payload: string) => void>>();

  private constructor(dataDir: string | undefined, snapshot: Blob | undefined) {
    this.#dataDir = dataDir;
    this.#snapshot = snapshot;
  }

  /**
   * Opens the folder, or a database in memory without one. A database in memory may start from `snapshot`, the
   * content of a file that `dump` wrote. Throws `config_invalid` with the fix.
   */
  static async open(dataDir: string | undefined, snapshot?: Blob): Promise<EmbeddedDatabase> {
    const database = new EmbeddedDatabase(dataDir, dataDir === undefined ? snapshot : undefined);
    if (dataDir !== undefined) {
      try {
        mkdirSync(dataDir, { recursive: true, mode: 0o700 });
        database.#unlock = await lockFolder(dataDir);
      } catch (error) {
        if (error instanceof DeputizeError) throw error;
        const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
        const fix = code === "ENOSPC" ? "free some space" : "make it writable or choose another with --data";
        throw new DeputizeError(
          "config_invalid",
          `the data folder ${dataDir} cannot be used (${code}); ${fix}`,
          {
            cause: error,
          },
        );
      }
    }
    try {
      await database.#start();
    } catch (error) {
      await database.#unlock?.();
      throw error instanceof DeputizeError
        ? error
        : new DeputizeError("config_invalid", whyItDoesNotOpen(dataDir ?? "memory", freeBytes(dataDir)), {
            cause: error,
          });
    }
    return database;
  }

  async #start(): Promise<void> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { dataDir: this.#dataDir, snapshot: this.#snapshot },
    });
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`the database thread ended with ${code}`)));
    });
    worker.removeAllListeners("exit");
    worker.on("error", (error) => this.#client?.emit("error", error));
    const wire = new EmbeddedWire(worker);
    const client = new pg.Client({ stream: () => wire as never, types: typeParsers, user: "postgres" });
    client.on("error", () => {});
    client.on("notification", (n) => {
      for (const listener of this.#listeners.get(n.channel) ?? []) listener(n.payload ?? "");
    });
    await client.connect();
    this.#worker = worker;
    this.#client = client;
    for (const channel of this.#listeners.keys())
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
  }

  /**
   * Lends the connection as `role` (undefined: the owner) until `release` is called. Borrowers wait in line.
   */
  async borrow(role: string | undefined): Promise<{ client: pg.Client; release: () => void }> {
    let release = (): void => {};
    const turn = this.#queue;
    this.#queue = new Promise((resolve) => {
      release = resolve;
    });
    await turn;
    try {
      if (this.#closed) throw new DeputizeError("unavailable", "the database is closed");
      if (!this.#client) await this.#start();
      const client = this.#client as pg.Client;
      // Set anew each time: the last borrower may have changed it.
      await client.query(
        role === undefined ? "RESET ROLE" : `RESET ROLE; SET ROLE ${client.escapeIdentifier(role)}`,
      );
      return { client, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Ends a statement that ran too long by ending its thread, and opens the folder again: the embedded
   * database ignores `statement_timeout`. What was committed is kept. Only the present borrower calls this.
   */
  async kill(): Promise<void> {
    const worker = this.#worker;
    const client = this.#client;
    this.#client = undefined;
    this.#worker = undefined;
    await worker?.terminate();
    (client as unknown as { connection: { stream: EmbeddedWire } } | undefined)?.connection.stream.destroy(
      new Error("Connection terminated: the statement took too long"),
    );
  }

  /** True when a killed database comes back with its rows. */
  get survivesKill(): boolean {
    return this.#dataDir !== undefined;
  }

  async listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    if (!this.#listeners.has(channel)) {
      this.#listeners.set(channel, listeners);
      const { client, release } = await this.borrow(undefined);
      try {
        await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      } finally {
        release();
      }
    }
    listeners.add(onWake);
    return async () => {
      listeners.delete(onWake);
    };
  }

  /** Runs one statement as the owner. */
  async ownerQuery<R>(text: string, params?: readonly unknown[]): Promise<QueryResult<R>> {
    const { client, release } = await this.borrow(undefined);
    try {
      const result = await client.query(text, params as unknown[]);
      return result as unknown as QueryResult<R>;
    } finally {
      release();
    }
  }

  /** Writes the whole database to `file`, for another to start from. */
  async dump(file: string): Promise<void> {
    const { release } = await this.borrow(undefined);
    try {
      await this.#ask({ dump: file }, "dumped");
    } finally {
      release();
    }
  }

  #ask(question: unknown, answer: string): Promise<void> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker?.on("message", (m) => m === answer && resolve());
      worker?.once("error", reject);
      worker?.postMessage(question);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const { release } = await this.borrow(undefined);
    this.#closed = true;
    release();
    if (this.#worker) {
      await this.#ask("close", "closed");
      await this.#worker.terminate();
    }
    await this.#unlock?.();
  }
}

/** Less than this is a full disk: the database writes its log in pieces of many megabytes. */
const NEEDED_BYTES = 16 * 1024 * 1024;

/** What to tell a person whose database does not open. Its own error says nothing of a full disk, so we look. */
export function whyItDoesNotOpen(dataDir: string, free: number | undefined): string {
  return free !== undefined && free < NEEDED_BYTES
    ? `the disk that holds ${dataDir} is full; free about 100 MB and start again`
    : `the embedded database in ${dataDir} does not open; restore the folder or start afresh with --reset`;
}

function freeBytes(dataDir: string | undefined): number | undefined {
  if (dataDir === undefined) return undefined;
  const { bavail, bsize } = statfsSync(dataDir);
  return bavail * bsize;
}
