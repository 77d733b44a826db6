/**
 * Where files are that people uploaded.
 *
 * Guarantees, whatever store keeps them: a file is its owner's; another's and one that never was answer alike [AF-F08]. What one person
 * keeps is bounded in number and size.
 */
import { type Caller, type Clock, DeputizeError, newId } from "@deputize/core";

export interface FileInfo {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** RFC 3339. */
  readonly created: string;
}

export interface StoredFile extends FileInfo {
  readonly bytes: Uint8Array;
}

export interface NewFile {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

export interface FileStore {
  readonly kind: "memory" | "postgres";
  /** Throws `limit_exceeded` when the person keeps too much. */
  add(caller: Caller, file: NewFile): Promise<FileInfo>;
  /** Throws `not_found`. */
  info(caller: Caller, id: string): Promise<FileInfo>;
  /** Throws `not_found`. */
  read(caller: Caller, id: string): Promise<StoredFile>;
  /** Newest first, 100 at most. */
  list(caller: Caller): Promise<readonly FileInfo[]>;
  /** Throws `not_found`. */
  delete(caller: Caller, id: string): Promise<void>;
}

export interface FileQuota {
  /** Files of one person. 200 unless set. */
  readonly files: number;
  /** Bytes of one person. 200 MB unless set. */
  readonly bytes: number;
}

export const QUOTA: FileQuota = { files: 200, bytes: 200_000_000 };
export const LISTED = 100;

export function fileNotFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such file");
}

export function quotaReached({ files, bytes }: FileQuota): DeputizeError {
  return new DeputizeError(
    "limit_exceeded",
    `${files} files or ${bytes} bytes are kept for one person; delete some first`,
  );
}

/** Files in this process, and at most `totalBytes` of all people together. They end with it. */
export function memoryFileStore({
  clock,
  quota = QUOTA,
  totalBytes = 1_000_000_000,
}: {
  readonly clock: Clock;
  readonly quota?: FileQuota;
  readonly totalBytes?: number;
}): FileStore {
  const kept = new Map<string, { readonly owner: string; readonly file: StoredFile }>();
  const ownerOf = ({ tenant, subject }: Caller): string => JSON.stringify([tenant, subject]);
  const own = (caller: Caller): StoredFile[] =>
    [...kept.values()].filter(({ owner }) => owner === ownerOf(caller)).map(({ file }) => file);
  const infoOf = ({ bytes: _bytes, ...info }: StoredFile): FileInfo => info;
  function find(caller: Caller, id: string): StoredFile {
    const found = kept.get(id);
    if (!found || found.owner !== ownerOf(caller)) throw fileNotFound();
    return found.file;
  }
  const sum = (files: readonly StoredFile[]): number => files.reduce((all, { size }) => all + size, 0);

  return {
    kind: "memory",
    async add(caller, { name, type, bytes }) {
      const mine = own(caller);
      if (mine.length >= quota.files || sum(mine) + bytes.length > quota.bytes) throw quotaReached(quota);
      if (sum([...kept.values()].map(({ file }) => file)) + bytes.length > totalBytes)
        throw new DeputizeError("unavailable", "no more files are kept now; try again later", {
          retryAfterSeconds: 60,
        });
      const created = new Date(clock.nowMs()).toISOString();
      const file = { id: newId(clock), name, type, size: bytes.length, created, bytes };
      kept.set(file.id, { owner: ownerOf(caller), file });
      return infoOf(file);
    },
    info: async (caller, id) => infoOf(find(caller, id)),
    read: async (caller, id) => find(caller, id),
    list: async (caller) => own(caller).toReversed().slice(0, LISTED).map(infoOf),
    delete: async (caller, id) => {
      find(caller, id);
      kept.delete(id);
    },
  };
}
