/**
 * Conversations in one file, for an application on one machine. Several processes may share the file.
 *
 * Guarantees: what was acknowledged is on the disk (write-ahead log, flushed at every commit); a write is one transaction that
 * holds the file's write lock from its start; the file is its owner's alone (0600), and so are those that SQLite puts beside
 * it; what is removed is overwritten. Does not: encrypt; serve many writers at once, who wait for each other's flush; work on a
 * network file system, where SQLite's locks do not hold.
 */
import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { DeputizeError } from "@deputize/core";
import { assertPrivateTarget } from "@deputize/store";
import { z } from "zod";
import { countRuns, dumpJson, loadDocument, loadMessage } from "./conversation-document.ts";
import type { ConversationStore } from "./conversation-store.ts";
import { type DocumentBackend, type Room, conversationKey, ownerKey, roomKey } from "./document-backend.ts";
import { documentStore } from "./document-room.ts";
import { storeOptions } from "./store-options.ts";

const OPTIONS = z.strictObject({
  /** The database file, made when it is missing. */
  file: z.string().min(1),
  /** How long a write waits for another process, in milliseconds; this process waits with it. 5,000 unless set. */
  busyTimeoutMs: z.int().min(0).max(60_000).default(5_000),
});

const SCHEMA = `
CREATE TABLE IF NOT EXISTS conversations (
  key TEXT PRIMARY KEY, owner TEXT NOT NULL, room TEXT NOT NULL, agent TEXT NOT NULL, id TEXT NOT NULL,
  version TEXT NOT NULL, last_message INTEGER NOT NULL, deleted INTEGER NOT NULL, document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS conversations_newest ON conversations (room, deleted, last_message, id);
CREATE INDEX IF NOT EXISTS conversations_owned ON conversations (owner, agent);
CREATE TABLE IF NOT EXISTS messages (
  key TEXT NOT NULL REFERENCES conversations (key), seq INTEGER NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (key, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (
  room TEXT NOT NULL, alias TEXT NOT NULL, key TEXT NOT NULL REFERENCES conversations (key), id TEXT NOT NULL,
  PRIMARY KEY (room, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS aliases_of ON aliases (key);
PRAGMA user_version = 1;`;

export class SqliteConversationStore implements ConversationStore {
  readonly kind = "sqlite";
  readonly open: ConversationStore["open"];
  readonly export: ConversationStore["export"];
  readonly eraseOwner: ConversationStore["eraseOwner"];
  readonly #database: DatabaseSync;

  /** Opens the file. Throws `config_invalid` for options that cannot work and for a file that others can read. */
  constructor(options: z.input<typeof OPTIONS>) {
    this.#database = openFile(storeOptions(OPTIONS, options));
    const store = documentStore(sqliteBackend(this.#database));
    this.open = store.open;
    this.export = store.export;
    this.eraseOwner = store.eraseOwner;
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }
}

/** Makes the file private before SQLite writes a byte to it. */
function openFile({ file, busyTimeoutMs }: z.output<typeof OPTIONS>): DatabaseSync {
  assertPrivateTarget(file, "replace");
  try {
    closeSync(openSync(file, "ax", 0o600));
    chmodSync(file, 0o600);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "EEXIST")
      throw new DeputizeError("config_invalid", `cannot make ${file} (${code})`, { cause: error });
  }
  if ((statSync(file).mode & 0o077) !== 0 && process.platform !== "win32")
    throw new DeputizeError("config_invalid", `${file} can be read by others; run chmod 600 ${file}`);
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
    const { user_version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (user_version > 1) {
      throw new DeputizeError("config_invalid", `${file} was written by a newer version`);
    }
    inTransaction(database, () => database.exec(SCHEMA));
    return database;
  } catch (error) {
    database.close();
    if (error instanceof DeputizeError) throw error;
    throw new DeputizeError("config_invalid", `${file} is not a database that can be used`, { cause: error });
  }
}

/** Takes the write lock first: a transaction that read before could not write any more. */
function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const value = work();
    database.exec("COMMIT");
    return value;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function sqliteBackend(database: DatabaseSync): DocumentBackend {
  const prepared = new Map<string, StatementSync>();
  function statement(sql: string): StatementSync {
    const found = prepared.get(sql) ?? database.prepare(sql);
    prepared.set(sql, found);
    return found;
  }
  const run = (sql: string, ...values: SQLInputValue[]): number =>
    Number(statement(sql).run(...values).changes);
  const all = <T>(sql: string, ...values: SQLInputValue[]): T[] => statement(sql).all(...values) as T[];
  const write = <T>(work: () => T): T => inTransaction(database, work);
  /** What was removed still stands in the write-ahead log, as far as no other process reads it. */
  const emptyLog = (): void => database.exec("PRAGMA wal_checkpoint(TRUNCATE)");

  return {
    read: async (room, id) => {
      const [row] = all<{ document: string; version: string }>(
        "SELECT document, version FROM conversations WHERE key = ?",
        conversationKey(room, id),
      );
      return row && { document: loadDocument(row.document), version: row.version };
    },
    write: async (room, id, { document, version, expected, append, aliases }) => {
      const written = write(() => {
        const key = conversationKey(room, id);
        const body = [version, document.lastMessage, document.deleted ? 1 : 0, dumpJson(document)] as const;
        const changed =
          expected === undefined
            ? run(
                `INSERT INTO conversations (key, owner, room, agent, id, version, last_message, deleted, document)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
                key,
                ownerKey(room),
                roomKey(room),
                room.agent,
                id,
                ...body,
              )
            : run(
                `UPDATE conversations SET version = ?, last_message = ?, deleted = ?, document = ?
                 WHERE key = ? AND version = ?`,
                ...body,
                key,
                expected,
              );
        if (changed === 0) return false;
        for (const message of append)
          run(
            "INSERT INTO messages (key, seq, message) VALUES (?, ?, ?)",
            key,
            message.seq,
            dumpJson(message),
          );
        if (document.deleted) run("DELETE FROM messages WHERE key = ?", key);
        for (const alias of aliases.drop)
          run("DELETE FROM aliases WHERE room = ? AND alias = ?", roomKey(room), alias);
        for (const alias of aliases.add) {
          run(
            "INSERT OR REPLACE INTO aliases (room, alias, key, id) VALUES (?, ?, ?, ?)",
            roomKey(room),
            alias,
            key,
            id,
          );
        }
        return true;
      });
      if (written && document.deleted) emptyLog();
      return written;
    },
    resolve: async (room: Room, alias) =>
      all<{ id: string }>("SELECT id FROM aliases WHERE room = ? AND alias = ?", roomKey(room), alias)[0]?.id,
    list: async (room, after, limit) =>
      all<{ document: string }>(
        `SELECT document FROM conversations WHERE room = ? AND deleted = 0 AND (last_message, id) < (?, ?)
         ORDER BY last_message DESC, id DESC LIMIT ?`,
        roomKey(room),
        after?.at ?? Number.MAX_SAFE_INTEGER,
        after?.id ?? "",
        limit,
      ).map((row) => loadDocument(row.document)),
    messages: async (room, id, { before, after, limit }) => {
      const key = conversationKey(room, id);
      const rows =
        after === undefined
          ? all<{ message: string }>(
              "SELECT message FROM messages WHERE key = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
              key,
              before ?? Number.MAX_SAFE_INTEGER,
              limit,
            ).toReversed()
          : all<{ message: string }>(
              "SELECT message FROM messages WHERE key = ? AND seq > ? ORDER BY seq LIMIT ?",
              key,
              after,
              limit,
            );
      return rows.map(({ message }) => loadMessage(message));
    },
    replaceMessage: async (room, id, message) => {
      const [body, key] = [dumpJson(message), conversationKey(room, id)];
      write(() => run("UPDATE messages SET message = ? WHERE key = ? AND seq = ?", body, key, message.seq));
      emptyLog();
    },
    agents: async (owner) =>
      all<{ agent: string }>(
        "SELECT DISTINCT agent FROM conversations WHERE owner = ? ORDER BY agent",
        ownerKey(owner),
      ).map(({ agent }) => agent),
    ids: async (room) =>
      all<{ id: string }>(
        "SELECT id FROM conversations WHERE room = ? AND deleted = 0 ORDER BY id",
        roomKey(room),
      ).map(({ id }) => id),
    eraseOwner: async (owner) => {
      const erased = write(() => {
        const key = ownerKey(owner);
        const documents = all<{ document: string }>(
          "SELECT document FROM conversations WHERE owner = ?",
          key,
        );
        const of = "key IN (SELECT key FROM conversations WHERE owner = ?)";
        const messages = run(`DELETE FROM messages WHERE ${of}`, key);
        run(`DELETE FROM aliases WHERE ${of}`, key);
        const conversations = run("DELETE FROM conversations WHERE owner = ?", key);
        const runs = documents.reduce((sum, row) => sum + countRuns(row.document), 0);
        return { conversations, messages, runs };
      });
      emptyLog();
      return erased;
    },
  };
}
