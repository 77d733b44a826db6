/**
 * One writer at a time over one file, whatever process it is in.
 *
 * Guarantees: the lock is the kernel's, held through SQLite, so it ends with its process, however that ends; there is no
 * stale lock to clean up. Does not: work over network file systems that have no locks, or say who holds it.
 */
import { chmodSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { type Clock, DeputizeError } from "@deputize/core";

const WAIT_MS = 10_000;
const TRY_AGAIN_MS = 1;

/** Where SQLite says that another has the lock. */
const SQLITE_BUSY = 5;

export interface FileLock {
  /** Does `work` alone. Throws `audit_unavailable` when another holds the lock for ten seconds. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

/** Opens the lock at `path`, an empty file beside the one it is for. */
export function openFileLock(path: string, clock: Clock): FileLock {
  const database = new DatabaseSync(path, { timeout: 0 });
  chmodSync(path, 0o600);

  function tryLock(): boolean {
    try {
      database.exec("BEGIN EXCLUSIVE");
      return true;
    } catch (error) {
      if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
      throw error;
    }
  }

  return {
    alone: async (work) => {
      const deadline = clock.monotonicMs() + WAIT_MS;
      while (!tryLock()) {
        if (clock.monotonicMs() > deadline) {
          throw new DeputizeError("audit_unavailable", "another process holds the audit file; is it stuck?");
        }
        await sleep(TRY_AGAIN_MS);
      }
      try {
        return await work();
      } finally {
        database.exec("ROLLBACK");
      }
    },
    close: () => database.close(),
  };
}
