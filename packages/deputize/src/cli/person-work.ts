/**
 * `deputize person`: erases or exports somebody, over every room of the installation's database and, when one is set, its Redis.
 * Loaded only when asked for: it brings the database.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { auditMigrations } from "@deputize/audit";
import { authorityMigrations, createPersonEraser } from "@deputize/authority";
import { systemClock } from "@deputize/core";
import { ephemeralSessions } from "@deputize/mcp";
import {
  type PersonKeeper,
  databaseKeepers,
  erasePerson,
  exportPerson,
  ownerKeeper,
  previewErasure,
} from "@deputize/server";
import { type Ephemeral, openEphemeral } from "@deputize/store";
import type { PersonOptions } from "../commands/person.ts";
import { type OpenData, TENANT, logOf, openData, principalOf } from "./open-data.ts";
import { print, printJson } from "./print.ts";

/** Longer than any token lives: a server that runs beside this tells its verifiers until then that the person's are dead. */
const REMEMBER_SECONDS = 31 * 86_400;

interface Rooms extends OpenData {
  readonly audit: ReturnType<typeof logOf>;
  readonly people: ReturnType<typeof createPersonEraser>;
  readonly keepers: readonly PersonKeeper[];
}

async function withRooms(options: PersonOptions, work: (rooms: Rooms) => Promise<void>): Promise<void> {
  const opened = await openData(options, [auditMigrations, authorityMigrations]);
  const { settings, store } = opened;
  const audit = logOf(opened);
  let ephemeral: Ephemeral | undefined;
  try {
    const people = createPersonEraser({
      store,
      audit,
      clock: systemClock,
      rememberSeconds: REMEMBER_SECONDS,
    });
    const keepers = [...(await databaseKeepers({ store, people }))];
    if (settings.redisUrl !== undefined) {
      ephemeral = await openEphemeral({ redisUrl: settings.redisUrl });
      const shared = ephemeral;
      keepers.push(
        ownerKeeper("mcp.ephemeral", (owner) => ephemeralSessions(async () => shared).eraseOwner(owner)),
      );
    }
    await work({ ...opened, audit, people, keepers });
  } finally {
    await audit.close();
    await ephemeral?.close();
    await store.close();
  }
}

/** Erases somebody; without `yes` only counts. Throws `not_found`, and `unavailable` when something is left. */
export function erase(person: string, options: PersonOptions): Promise<void> {
  return withRooms(options, async (rooms) => {
    const { store, audit, people, keepers } = rooms;
    const owner = { tenant: TENANT, subject: await principalOf(rooms, person, "people") };
    if (options.yes !== true) {
      const counts = await previewErasure({ owner, keepers, store });
      if (options.json) printJson({ dry_run: true, counts });
      else {
        print(...lines("would go", counts));
        print("nothing was changed; add --yes");
      }
      return;
    }
    await audit.start();
    const done = await erasePerson({ owner, by: { tenant: TENANT }, keepers, people, audit });
    const { id, at, counts, entryId, proof } = done;
    if (options.json) printJson({ dry_run: false, id, at, counts, entry_id: entryId, proof });
    else {
      print(...lines("went", counts));
      print(`receipt: entry ${entryId}; prove it with: deputize audit prove ${entryId}`);
    }
  });
}

const lines = (verb: string, counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).map(([name, n]) => `${name}: ${n} ${verb}`);

/** Writes out everything that is kept of somebody. Throws `not_found`, and when the file is there. */
export function exportTo(person: string, options: PersonOptions & { readonly out: string }): Promise<void> {
  return withRooms(options, async (rooms) => {
    const owner = { tenant: TENANT, subject: await principalOf(rooms, person, "people") };
    await rooms.audit.start();
    await rooms.audit.append({
      action: "person.export",
      outcome: "allowed",
      tenant: TENANT,
      about: [owner.subject],
    });
    const file = createWriteStream(options.out, { flags: "wx", mode: 0o600 });
    await once(file, "open");
    let bytes = 0;
    for await (const piece of exportPerson({ owner, keepers: rooms.keepers, audit: rooms.audit })) {
      bytes += Buffer.byteLength(piece);
      if (!file.write(piece)) await once(file, "drain");
    }
    file.end();
    await once(file, "finish");
    if (options.json) printJson({ out: options.out, bytes });
    else print(`${bytes} bytes in ${options.out}`);
  });
}
