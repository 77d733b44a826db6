/**
 * Reading the entries of a log's file, with what its openings say of them: for pages and for following it.
 *
 * Guarantees: the memory of one page, whatever the size of the log; what was erased is absent.
 * Does not: verify anything (`verifyDump` does), or wait for the log's writers: it reads up to what is there now.
 */
import type { LoggedEntry } from "./audit-log.ts";
import { type OpeningLine, openingsFile, readOpenings } from "./file-openings.ts";
import { readLogFiles } from "./log-lines.ts";
import { toLogged } from "./logged-entry.ts";
import { type Leaf, readLeaf } from "./order-watch.ts";
import { leafHash } from "./tree.ts";

export interface FilePageQuery {
  /** Who acted: a name from the event, the acting principal's id, or the one it was done for. */
  readonly agentId?: string;
  readonly taskId?: string;
  readonly action?: string;
  readonly outcomes?: readonly string[];
  /** From, and up to but not including; RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  readonly order: "newest" | "oldest";
  readonly limit: number;
  readonly offset?: number;
  /** `next` of the page before. */
  readonly cursor?: number;
}

export interface FilePage {
  readonly entries: readonly LoggedEntry[];
  /** Of all that the query takes, on every page. */
  readonly total: number;
  readonly next?: number;
  /** Lines that are none of a log; a crash leaves one at the end. */
  readonly malformed: number;
}

/** Openings lie in the order of their entries; of entries that a crash cut off some lie between. */
const LOOK_AHEAD = 4_096;

/** Finds openings by the ids of entries, asked for in the order of the log. */
function openingsInOrder(files: readonly string[]) {
  const lines = allOpenings(files);
  const waiting = new Map<string, OpeningLine>();
  return async (id: string): Promise<OpeningLine | undefined> => {
    const known = waiting.get(id);
    if (known) {
      // Whatever lies before belongs to no entry that is still to come.
      for (const before of waiting.keys()) {
        waiting.delete(before);
        if (before === id) break;
      }
      return known;
    }
    while (waiting.size < LOOK_AHEAD) {
      const { value, done } = await lines.next();
      if (done) break;
      if (value.id === id) {
        waiting.clear();
        return value;
      }
      waiting.set(value.id, value);
    }
    return undefined;
  };
}

async function* allOpenings(files: readonly string[]): AsyncGenerator<OpeningLine> {
  for (const file of files) yield* readOpenings(openingsFile(file));
}

/** One page of a log's file, or of several that are pieces of one log, in order. Costs one reading of them. */
export async function readFilePage(files: readonly string[], query: FilePageQuery): Promise<FilePage> {
  const { order, limit, offset = 0, cursor } = query;
  const openingsOf = openingsInOrder(files);
  const matching = filterOf(query);
  const page: LoggedEntry[] = [];
  let total = 0;
  let behind = 0;
  let malformed = 0;
  for await (const item of readLogFiles(files)) {
    if (item.kind === "malformed") malformed += 1;
    if (item.kind !== "entry") continue;
    const leaf = readLeaf(item.leaf);
    if (!leaf || !matching.codes(leaf)) continue;
    const openings = (await openingsOf(leaf.id))?.openings;
    const hash = leafHash(Buffer.from(item.leaf));
    const who = openings?.who?.value as { subject?: string } | undefined;
    const entry = toLogged({
      seq: leaf.seq,
      leaf: item.leaf,
      leafHash: hash,
      subject: who?.subject,
      openings,
    });
    if (!matching.openings(entry)) continue;
    total += 1;
    if (cursor !== undefined && (order === "oldest" ? entry.seq <= cursor : entry.seq >= cursor)) continue;
    behind += 1;
    if (order === "newest") {
      page.push(entry);
      if (page.length > offset + limit) page.shift();
    } else if (behind > offset && page.length < limit) page.push(entry);
  }
  const entries = order === "oldest" ? page : page.toReversed().slice(offset);
  const last = entries.at(-1);
  const next = last && behind > offset + limit ? { next: last.seq } : {};
  return { entries, total, malformed, ...next };
}

function filterOf({ agentId, taskId, action, outcomes, since, until }: FilePageQuery) {
  const [from, to] = [since, until].map((moment) => (moment === undefined ? undefined : Date.parse(moment)));
  return {
    codes: (leaf: Leaf): boolean => {
      const at = Date.parse(leaf.at);
      return (
        (action === undefined || leaf.action === action) &&
        (outcomes === undefined || outcomes.includes(String(leaf.outcome))) &&
        (from === undefined || at >= from) &&
        (to === undefined || at < to)
      );
    },
    openings: ({ event, actors, subject }: LoggedEntry): boolean =>
      (agentId === undefined || [event?.agent ?? actors[0], subject].includes(agentId)) &&
      (taskId === undefined || event?.task === taskId),
  };
}
