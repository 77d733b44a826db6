/** What every connection, pool and transaction of the store can do. */
import type { NodePgDatabase } from "drizzle-orm/node-postgres";

export interface QueryResult<R> {
  rows: R[];
  rowCount: number | null;
}

export interface Queryable {
  /** Runs one statement. Throws the driver's error, whose `code` is the SQLSTATE. */
  query<R = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<QueryResult<R>>;
}

/** An open transaction. Ends with the work it was given to; a later query is refused. */
export interface Tx extends Queryable {
  /** Drizzle over the same connection, for typed queries. */
  readonly db: NodePgDatabase;
}
