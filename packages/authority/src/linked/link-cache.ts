/**
 * Links that were looked up, kept for a short while and asked about on each use.
 *
 * Guarantees: a link counts only after the feed was read since the question, so what ended its grant (revocation, suspension, a role that
 * changed, a restore) ends it with the next request, at every replica; all who ask at one moment share that read. Bounded in number
 * and in time: the feed forgets entries, later than a link is kept.
 * Does not: keep refusals; a credential that was not let in is looked up each time.
 */
import type { Clock, GrantId } from "@deputize/core";
import { coalesce } from "../revocation/coalesce.ts";
import type { FeedPlace, Revocation } from "../revocation/revocation.ts";

export interface LiveLink {
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

const MAX_LINKS = 10_000;

/** The feed remembers for two minutes at least, whatever the lifetimes are. */
const KEEP_MS = 60_000;

export function createLinkCache<Link extends LiveLink>(options: {
  readonly revocation: Pick<Revocation, "read">;
  readonly clock: Clock;
}) {
  const { revocation, clock } = options;
  // In order of insertion, so the oldest are in front.
  const links = new Map<string, { readonly link: Link; readonly keptAt: number }>();
  const keyOf = new Map<GrantId, string>();
  let place: FeedPlace | undefined;
  let version = 0;

  function drop(key: string): void {
    const known = links.get(key);
    if (known) keyOf.delete(known.link.grant);
    links.delete(key);
  }

  function clear(): void {
    links.clear();
    keyOf.clear();
  }

  const catchUp = coalesce(async () => {
    const { epoch, position, from, entries } = await revocation.read(place);
    if (from === null || epoch !== place?.epoch) clear();
    for (const { kind, value } of entries) {
      // Rare, and it names a principal, by whom nothing is kept here.
      if (kind === "principal_epoch") clear();
      const key = kind === "grant" ? keyOf.get(value as GrantId) : undefined;
      if (key !== undefined) drop(key);
    }
    if (position !== place?.position || epoch !== place.epoch) version += 1;
    place = { epoch, position };
  });

  /** The link of a credential as it stands now; looked up unless it is kept. Undefined is not kept. */
  return async (key: string, look: () => Promise<Link | undefined>): Promise<Link | undefined> => {
    await catchUp();
    const known = links.get(key);
    const fresh = known && clock.monotonicMs() - known.keptAt < KEEP_MS;
    if (fresh && known.link.expiresAt > clock.nowMs()) return known.link;
    drop(key);
    const before = version;
    const link = await look();
    // What ended while it was read may have gone by already.
    if (!link || version !== before) return link;
    links.set(key, { link, keptAt: clock.monotonicMs() });
    keyOf.set(link.grant, key);
    const [oldest] = links.keys();
    if (links.size > MAX_LINKS && oldest !== undefined) drop(oldest);
    return link;
  };
}
