/**
 * The log as a route shows it: each entry is rendered once, and a page that was asked for is kept as long as the log
 * stands still.
 *
 * Guarantees: what was rendered before an erasure is not shown after it, in any process [SR-24]; a kept page is shown
 * only after the log has said, since the call, that it has not changed.
 * Does not: free what it keeps of an erased person before the next query comes.
 */
import type { AuditView, LoggedEntry } from "./audit-log.ts";
import { readLogged } from "./logged-entry.ts";
import { type Page, type QueryDoor, findPage, parseQuery, readState } from "./query.ts";
import type { PlainQuery } from "./query-sql.ts";
import { sharedRun } from "./shared-run.ts";

/** How much is kept: rendered entries in characters (16 MB where they are not all ASCII), and pages. */
const KEPT = { characters: 8_000_000, pages: 16 } as const;

interface Rendered {
  readonly rendered: string[];
  readonly total: number;
  readonly next?: number;
}

interface KeptPage extends Pick<Page, "size" | "erasures"> {
  readonly answer: Rendered;
}

/** A view over the log. `render` must answer the same text for the same entry. */
export function createView(door: QueryDoor, render: (entry: LoggedEntry) => string): AuditView {
  const entries = new Map<number, string>();
  const pages = new Map<string, KeptPage>();
  let characters = 0;
  let erasures = "";
  const state = sharedRun(() => readState(door));

  /** Forgets everything that was rendered before an erasure. False for a page that is older than the last one seen. */
  function isCurrent(page: Pick<Page, "erasures">): boolean {
    if (page.erasures === erasures) return true;
    if (erasures !== "" && BigInt(page.erasures) < BigInt(erasures)) return false;
    entries.clear();
    pages.clear();
    characters = 0;
    erasures = page.erasures;
    return true;
  }

  function keepEntry(seq: number, text: string): void {
    if (entries.has(seq)) return;
    entries.set(seq, text);
    characters += text.length;
    for (const [oldest, rendered] of entries) {
      if (characters <= KEPT.characters) return;
      entries.delete(oldest);
      characters -= rendered.length;
    }
  }

  function keepPage(key: string, page: Page, answer: Rendered): void {
    pages.delete(key);
    pages.set(key, { size: page.size, erasures: page.erasures, answer });
    const [oldest] = pages.keys();
    if (pages.size > KEPT.pages && oldest !== undefined) pages.delete(oldest);
  }

  async function keptAnswer(key: string): Promise<Rendered | undefined> {
    if (!pages.has(key)) return undefined;
    const now = await state();
    if (!isCurrent(now)) return undefined;
    const kept = pages.get(key);
    return kept?.size === now.size && kept.erasures === now.erasures ? kept.answer : undefined;
  }

  async function freshAnswer(key: string, query: PlainQuery): Promise<Rendered> {
    const page = await findPage(door, query);
    const { seqs, total, next } = page;
    const known = isCurrent(page) ? entries : new Map<number, string>();
    const texts = new Map(seqs.map((seq) => [seq, known.get(seq)]));
    const unknown = seqs.filter((seq) => texts.get(seq) === undefined);
    for (const [seq, entry] of await readLogged(door.db, unknown)) texts.set(seq, render(entry));
    const rendered = seqs.flatMap((seq) => texts.get(seq) ?? []);
    const answer = { rendered, total, ...(next !== undefined && { next }) };
    // Somebody may have been erased since the page was found.
    if (isCurrent(page)) {
      for (const seq of unknown) keepEntry(seq, texts.get(seq) ?? "");
      keepPage(key, page, answer);
    }
    return answer;
  }

  return {
    query: async (query) => {
      const plain = parseQuery(query);
      const key = JSON.stringify(plain);
      return (await keptAnswer(key)) ?? freshAnswer(key, plain);
    },
  };
}
