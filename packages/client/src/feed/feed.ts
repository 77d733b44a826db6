/**
 * Keeps a `RevocationState` fresh against the authority.
 *
 * Guarantees: `freshness` is measured on this machine's own monotonic clock, from the moment before our own
 * question left, and only an answer that the authority read from its database afterwards counts; a stream
 * that is buffered, a wake-up that is lost or a replica that is behind cannot make old knowledge look new
 * (SR-11). One question is in flight at a time, whatever the load.
 * Does not: decide what happens when the feed is stale (verifier.ts asks about the one token, or refuses).
 */
import { type Clock, nowSeconds } from "@deputize/core/portable";
import { FeedDocument, type RevocationState, createRevocationState } from "./revocations.ts";

export interface FeedOptions {
  readonly authorityUrl: string;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** Past this age a question is sent in the background. */
  readonly refreshAfterMs: number;
  /** Past this age the state must not be used. */
  readonly maxAgeMs: number;
  /** How long one question may take. */
  readonly timeoutMs: number;
  /** Called when the authority started a new epoch: keys and cached tokens are void. */
  readonly onNewEpoch: () => void;
}

export interface RevocationFeed {
  readonly state: RevocationState;
  /** Milliseconds since the state was known to be complete; Infinity before the first answer. */
  ageMs(): number;
  /** True when the state may be used now; wakes a question in the background where it will soon be too old. */
  isFresh(): boolean;
  /** True when the state may be used now, asking the authority first where needed. */
  ensureFresh(): Promise<boolean>;
  /** Asks now, whatever the age. True when the answer was applied. */
  refresh(): Promise<boolean>;
  close(): void;
}

/** After a failed question, how long every check goes straight to the fallback instead of waiting again. */
const RETRY_AFTER_MS = 100;

export function createRevocationFeed(options: FeedOptions): RevocationFeed {
  const { clock } = options;
  const state = createRevocationState();
  const aborted = new AbortController();
  let freshAt = Number.NEGATIVE_INFINITY;
  let failedAt = Number.NEGATIVE_INFINITY;
  let asking: { readonly since: number; readonly done: Promise<boolean> } | undefined;

  async function ask(snapshot: boolean): Promise<FeedDocument> {
    const url = new URL(`${options.authorityUrl}/authority/revocations`);
    if (!snapshot && state.epoch !== undefined) {
      url.searchParams.set("after", String(state.position));
      url.searchParams.set("epoch", state.epoch);
    }
    const response = await options.fetch(url, {
      headers: { Accept: "application/json" },
      // Followed nowhere: a redirect is no `ok` answer. Edge runtimes do not know `error`.
      redirect: "manual",
      signal: AbortSignal.any([aborted.signal, AbortSignal.timeout(options.timeoutMs)]),
    });
    if (!response.ok) throw new Error(`the feed answered ${response.status}`);
    return FeedDocument.parse(await response.json());
  }

  async function update(since: number): Promise<boolean> {
    try {
      let outcome = state.apply(await ask(false), nowSeconds(clock));
      if (outcome === "gap") {
        since = clock.monotonicMs();
        outcome = state.apply(await ask(true), nowSeconds(clock));
      }
      if (outcome === "new_epoch") options.onNewEpoch();
      if (outcome === "gap") throw new Error("the snapshot leaves a gap");
      freshAt = since;
      return true;
    } catch {
      // Whatever failed, the answer is the same: the state keeps its age, and its age decides.
      failedAt = clock.monotonicMs();
      return false;
    }
  }

  function refresh(): Promise<boolean> {
    if (asking) return asking.done;
    const since = clock.monotonicMs();
    const done = update(since).finally(() => {
      asking = undefined;
    });
    asking = { since, done };
    return done;
  }

  const ageMs = (): number => clock.monotonicMs() - freshAt;

  const failing = (): boolean => clock.monotonicMs() - failedAt < RETRY_AFTER_MS;

  function isFresh(): boolean {
    const age = ageMs();
    if (age <= options.refreshAfterMs) return true;
    if (age > options.maxAgeMs) return false;
    if (!failing()) void refresh();
    return true;
  }

  return {
    state,
    ageMs,
    refresh,
    isFresh,
    async ensureFresh() {
      if (isFresh()) return true;
      if (!failing()) await refresh();
      return ageMs() <= options.maxAgeMs;
    },
    close: () => aborted.abort(),
  };
}
