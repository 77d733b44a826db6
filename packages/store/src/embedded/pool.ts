/**
 * The face of a `pg.Pool` over the embedded database, so that drizzle, libraries and our own code run
 * unchanged on both. One connection serves all roles; a borrower who forgets to end its transaction is
 * rolled back on release.
 */
import { EventEmitter } from "node:events";
import type pg from "pg";
import type { EmbeddedDatabase } from "./database.ts";

type Client = Pick<pg.PoolClient, "query" | "release"> & EventEmitter;

export class EmbeddedPool extends EventEmitter {
  readonly #database: EmbeddedDatabase;
  readonly #role: string;
  /** What libraries size their own work by. There is one connection, and borrowers wait in line. */
  readonly options = { max: 1 };

  constructor(database: EmbeddedDatabase, role: string) {
    super();
    this.#database = database;
    this.#role = role;
  }

  async connect(): Promise<pg.PoolClient> {
    const { client, release } = await this.#database.borrow(this.#role);
    let released = false;
    // Libraries listen for errors of what they borrow; ours go to whoever waits for the statement.
    const lent: Client = Object.assign(new EventEmitter(), {
      query: ((...args: Parameters<pg.Client["query"]>) => {
        if (released) throw new Error("the client was released");
        return client.query(...args);
      }) as pg.PoolClient["query"],
      release: (error?: Error | boolean) => {
        if (released) return;
        released = true;
        if (error) {
          // The borrower gave up in the middle: end what it may have left open before the next one comes.
          client.query("ROLLBACK").then(release, release);
        } else release();
      },
    });
    return lent as unknown as pg.PoolClient;
  }

  async query(...args: [string, unknown[]?]): Promise<pg.QueryResult> {
    const client = await this.connect();
    try {
      return await client.query(...(args as [string, unknown[]]));
    } finally {
      client.release();
    }
  }

  async end(): Promise<void> {}
}
