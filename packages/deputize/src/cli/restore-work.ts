/**
 * `deputize restore` and `deputize audit erase`: what is done to an installation while no server runs on it. Loaded only when
 * asked for: it brings the database.
 */
import { renameSync } from "node:fs";
import { countOpenings, readAnchor } from "@deputize/audit";
import { auditMigrations } from "@deputize/audit";
import { type RestoredEnds, authorityMigrations, endRestored, generateSigningKey } from "@deputize/authority";
import { systemClock } from "@deputize/core";
import { tokenKeyStore } from "@deputize/server/config";
import { type OpenData, TENANT, logOf, openData, principalOf } from "./open-data.ts";
import { plain, print, printJson } from "./print.ts";

export interface WorkOptions {
  readonly data?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Undoes the transaction of a dry run, and carries what it found out. */
class DryRun extends Error {
  readonly ends: RestoredEnds;
  constructor(ends: RestoredEnds) {
    super("a dry run");
    this.ends = ends;
  }
}

/** Size of the newest checkpoint in the anchor file, and of the log in the database. */
async function sizes({ settings, store }: OpenData): Promise<{ anchored: number; logged: number }> {
  const newest = (await readAnchor(settings.auditAnchorFile)).at(-1);
  const { rows } = await store.pool("sequencer").query<{ size: string }>("SELECT size FROM audit.head");
  return { anchored: Number(newest?.split("\n")[1] ?? 0), logged: Number(rows[0]?.size ?? 0) };
}

/** Ends what a restored backup brought back; without `yes` only says what it would end. */
export async function restore(options: WorkOptions & { readonly reason: string }): Promise<void> {
  const opened = await openData(options, [auditMigrations, authorityMigrations]);
  const { settings, store } = opened;
  try {
    const { anchored, logged } = await sizes(opened);
    const setAside =
      anchored > logged ? `${settings.auditAnchorFile}.before-${systemClock.nowMs()}` : undefined;
    const keys = tokenKeyStore(settings.secretsFile);
    const before = keys.load();
    const signingKey = generateSigningKey();
    const dry = options.yes !== true;
    if (!dry) {
      // The key is on the disk before anything rests on it. A log that is ahead of the database would stop every start.
      keys.add(signingKey, new Set());
      if (setAside !== undefined) renameSync(settings.auditAnchorFile, setAside);
    }
    const audit = logOf(opened);
    let ends: RestoredEnds;
    try {
      ends = await store
        .transaction("authority", async (tx) => {
          const found = await endRestored(tx, {
            store,
            audit,
            clock: systemClock,
            tenant: TENANT,
            reason: options.reason,
            signingKey,
          });
          await audit.record(tx, {
            action: "log.discontinued",
            outcome: "info",
            tenant: TENANT,
            detail: { reason: options.reason, size: logged, anchored },
          });
          if (dry) throw new DryRun(found);
          return found;
        })
        .catch((error: unknown) => {
          if (error instanceof DryRun) return error.ends;
          throw error;
        });
      if (!dry) {
        keys.add(signingKey, new Set(before.map(({ x }) => x)));
        await audit.start();
      }
    } finally {
      await audit.close();
    }
    show(options, { dry, ends, logged, anchored, setAside });
  } finally {
    await store.close();
  }
}

function show(
  options: WorkOptions,
  done: {
    readonly dry: boolean;
    readonly ends: RestoredEnds;
    readonly logged: number;
    readonly anchored: number;
    readonly setAside: string | undefined;
  },
): void {
  const { dry, ends, logged, anchored, setAside } = done;
  if (options.json) {
    const { launchTokens, ...rest } = ends;
    printJson({
      dry_run: dry,
      ended: { ...rest, launch_tokens: launchTokens },
      log: { size: logged, anchored, ...(setAside !== undefined && !dry && { set_aside: setAside }) },
    });
    return;
  }
  const would = dry ? "would end" : "ended";
  print(
    `${would}: ${ends.grants} grants, ${ends.sessions} sessions, ${ends.launchTokens} launch tokens, ${ends.approvals} approvals, ${ends.cases} cases`,
    dry
      ? "would begin: a new epoch and a new signing key"
      : "a new epoch and a new signing key: no token from before verifies",
    ...(setAside === undefined
      ? []
      : [
          `the log was at ${anchored} entries and is at ${logged} again: whoever keeps a checkpoint will see that;`,
          `  its anchor ${dry ? "would be" : "is"} kept as ${plain(setAside)}`,
        ]),
    "not known from the backup: API keys, secrets, permissions and scopes that were taken back after it was made; take them back again",
    ...(dry ? ["nothing was changed; stop every server and add --yes"] : []),
  );
}

export interface EraseOptions extends WorkOptions {
  readonly person?: string;
  readonly agentId?: string;
  readonly taskId?: string;
}

/** Erases what the log says of somebody; without `yes` only counts. */
export async function eraseFromLog(options: EraseOptions): Promise<void> {
  const opened = await openData(options);
  try {
    const { person, agentId, taskId } = options;
    const what =
      person !== undefined
        ? await principalOf(opened, person, "principals")
        : agentId !== undefined
          ? { tenant: TENANT, agentId }
          : { tenant: TENANT, taskId: taskId ?? "" };
    let entries = 0;
    if (options.yes !== true) entries = await countOpenings(opened.store, what);
    else {
      const audit = logOf(opened);
      try {
        await audit.start();
        entries = await audit.erase(what);
        // That somebody was erased stays known, and not who.
        await audit.append({ action: "audit.erased", outcome: "info", tenant: TENANT, detail: { entries } });
      } finally {
        await audit.close();
      }
    }
    if (options.json) printJson({ dry_run: options.yes !== true, entries });
    else if (options.yes) print(`${entries} entries no longer say who; the log still verifies`);
    else print(`${entries} entries would no longer say who; nothing was changed; add --yes`);
  } finally {
    await opened.store.close();
  }
}
