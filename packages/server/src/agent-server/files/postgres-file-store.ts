/** Files in Postgres, or in the embedded database: rows that row-level security keeps apart. */
import { type Caller, type Clock, isUuid, newId } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import {
  type FileInfo,
  type FileQuota,
  type FileStore,
  LISTED,
  QUOTA,
  fileNotFound,
  quotaReached,
} from "./file-store.ts";

interface FileRow {
  id: string;
  name: string;
  type: string;
  size: number;
  created: Date;
}

const INFO = "id, name, type, size, created";
const infoOf = ({ created, ...row }: FileRow): FileInfo => ({
  ...row,
  created: new Date(created).toISOString(),
});

/** `store` has `serverMigrations` among its migrations. */
export function postgresFileStore({
  store,
  clock,
  quota = QUOTA,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly quota?: FileQuota;
}): FileStore {
  async function one<T extends FileRow>(tx: Tx, columns: string, id: string): Promise<T> {
    if (!isUuid(id)) throw fileNotFound();
    const { rows } = await tx.query<T>(`select ${columns} from agent.server_files where id = $1`, [id]);
    if (!rows[0]) throw fileNotFound();
    return rows[0];
  }
  const write = <T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.asCaller(caller, work, { readOnly: false });

  return {
    kind: "postgres",
    add: (caller, { name, type, bytes }) =>
      write(caller, async (tx) => {
        const { rows: sums } = await tx.query<{ files: number; bytes: number }>(
          "select count(*)::integer as files, coalesce(sum(size), 0)::float8 as bytes from agent.server_files",
        );
        const kept = sums[0] ?? { files: 0, bytes: 0 };
        if (kept.files >= quota.files || kept.bytes + bytes.length > quota.bytes) throw quotaReached(quota);
        const { rows } = await tx.query<FileRow>(
          `insert into agent.server_files (tenant, owner_id, id, name, type, size, content, created)
           values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${INFO}`,
          [
            caller.tenant,
            caller.subject,
            newId(clock),
            name,
            type,
            bytes.length,
            Buffer.from(bytes),
            new Date(clock.nowMs()),
          ],
        );
        return infoOf(rows[0] as FileRow);
      }),
    info: (caller, id) => store.asCaller(caller, async (tx) => infoOf(await one(tx, INFO, id))),
    read: (caller, id) =>
      store.asCaller(caller, async (tx) => {
        const { content, ...row } = await one<FileRow & { content: Uint8Array }>(tx, `${INFO}, content`, id);
        return { ...infoOf(row), bytes: content };
      }),
    list: (caller) =>
      store.asCaller(caller, async (tx) => {
        const { rows } = await tx.query<FileRow>(
          `select ${INFO} from agent.server_files order by created desc, id desc limit ${LISTED}`,
        );
        return rows.map(infoOf);
      }),
    delete: (caller, id) =>
      write(caller, async (tx) => {
        if (!isUuid(id)) throw fileNotFound();
        const { rowCount } = await tx.query("delete from agent.server_files where id = $1", [id]);
        if (rowCount !== 1) throw fileNotFound();
      }),
  };
}
