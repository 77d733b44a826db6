/** The versions that data has now, which a kept answer is held against on every hit. */
import type { Caller } from "@deputize/core";
import { type DataVersions, type Store, readVersions } from "@deputize/store";

export interface PresentVersions {
  /** By tag, for this caller. Undefined when one of them cannot be told. */
  read(caller: Caller, tags: readonly string[]): Promise<DataVersions | undefined>;
}

/** From the database that the tool servers read from, as the caller: each replica and each process sees the same. */
export function storeVersions(store: Pick<Store, "asCaller">): PresentVersions {
  return { read: (caller, tags) => store.asCaller(caller, (tx) => readVersions(tx, tags)) };
}
