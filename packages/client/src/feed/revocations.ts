/**
 * What a verifier knows to be revoked: grants, single tokens, and principals' epochs.
 *
 * Guarantees: an entry is kept until the last token that it could concern has expired; a delta is taken only
 * when it begins where this state ends, in the same epoch (SR-11); an epoch of a principal never goes back
 * within one feed epoch (SR-12). Compares integers, never clocks.
 */
import { z } from "zod";

const Entry = z.object({
  position: z.number().int().positive(),
  kind: z.enum(["grant", "jti", "principal_epoch"]),
  /** A grant id; issuer and jti with a blank between; tenant and principal id with a slash between. */
  value: z.string().min(1).max(1024),
  /** The epoch, for `principal_epoch`. */
  number: z.number().int().nonnegative().nullable().optional(),
  /** Epoch seconds after which no token can be concerned. */
  expires_at: z.number(),
});

/** The answer of `GET /authority/revocations`. `from` is null for a snapshot. */
export const FeedDocument = z.object({
  epoch: z.string().min(1).max(100),
  position: z.number().int().nonnegative(),
  from: z.number().int().nonnegative().nullable(),
  entries: z.array(Entry),
});

export type RevocationEntry = z.infer<typeof Entry>;
export type FeedDocument = z.infer<typeof FeedDocument>;

/** The feed's name for one token; what `iss` and `jti` revoke by. */
export function tokenKey(issuer: string, jti: string): string {
  return `${issuer} ${jti}`;
}

/** The feed's name for one principal. */
export function principalKey(tenant: string, principal: string): string {
  return `${tenant}/${principal}`;
}

/** What of a token the feed speaks of. */
export interface RevocationSubject {
  readonly iss: string;
  readonly jti: string;
  readonly tenant: string;
  /** Root to leaf. */
  readonly grants: readonly string[];
  /** By principal id. */
  readonly epochs: Readonly<Record<string, number>>;
}

interface Numbered {
  readonly number: number;
  readonly expiresAt: number;
}

export interface RevocationState {
  readonly epoch: string | undefined;
  readonly position: number;
  /** Takes a snapshot or a delta. `gap`: the delta does not begin here, ask for a snapshot. The first epoch is new too. */
  apply(document: FeedDocument, nowSeconds: number): "applied" | "gap" | "new_epoch";
  /** True when the feed says that this token is dead. */
  concerns(token: RevocationSubject): boolean;
  /** Grows whenever a token that stood could have fallen. */
  readonly version: number;
  /** Entries held, for tests and metrics. */
  readonly size: number;
}

/** How long an entry outlives its own expiry here, against clocks that differ. */
const SKEW_SECONDS = 60;

export function createRevocationState(): RevocationState {
  let epoch: string | undefined;
  let position = 0;
  let version = 0;
  const ended = new Map<string, number>();
  const epochs = new Map<string, Numbered>();

  function add(entry: RevocationEntry): void {
    if (entry.kind !== "principal_epoch") {
      ended.set(`${entry.kind} ${entry.value}`, entry.expires_at);
      return;
    }
    const number = entry.number ?? 0;
    const known = epochs.get(entry.value);
    if (known === undefined || known.number <= number) {
      epochs.set(entry.value, { number, expiresAt: entry.expires_at });
    }
  }

  function sweep(nowSeconds: number): void {
    for (const [key, expiresAt] of ended) if (expiresAt + SKEW_SECONDS < nowSeconds) ended.delete(key);
    for (const [key, { expiresAt }] of epochs) if (expiresAt + SKEW_SECONDS < nowSeconds) epochs.delete(key);
  }

  return {
    get epoch() {
      return epoch;
    },
    get position() {
      return position;
    },
    get version() {
      return version;
    },
    get size() {
      return ended.size + epochs.size;
    },
    apply(document, nowSeconds) {
      const isNewEpoch = document.epoch !== epoch;
      if (document.from !== null && (isNewEpoch || document.from !== position)) return "gap";
      if (isNewEpoch) {
        // Another epoch is another history (a restore): positions and numbers of the old one mean nothing in it.
        ended.clear();
        epochs.clear();
      }
      for (const entry of document.entries) add(entry);
      if (document.entries.length > 0 || document.from === null) sweep(nowSeconds);
      if (document.entries.length > 0) version += 1;
      epoch = document.epoch;
      position = document.position;
      return isNewEpoch ? "new_epoch" : "applied";
    },
    concerns(claims) {
      if (ended.size > 0) {
        if (ended.has(`jti ${tokenKey(claims.iss, claims.jti)}`)) return true;
        for (const grant of claims.grants) if (ended.has(`grant ${grant}`)) return true;
      }
      if (epochs.size > 0) {
        for (const [principal, carried] of Object.entries(claims.epochs)) {
          const known = epochs.get(principalKey(claims.tenant, principal));
          if (known !== undefined && carried < known.number) return true;
        }
      }
      return false;
    },
  };
}
