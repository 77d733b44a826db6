/**
 * What a kind of personal data is: a row of a table. The rows are in `kinds/`; `detector.ts` reads them.
 */

/** What a kind is about, which is what a policy speaks of. */
export const GROUPS = [
  /** National ids, tax numbers, passports, driving licences. */
  "identity",
  /** Cards, accounts, securities, wallets. */
  "finance",
  /** Insured persons, prescribers, records. */
  "health",
  /** How to reach somebody. */
  "contact",
  /** Addresses of machines and of pages. */
  "network",
  /** Plates, chassis, documents of a vehicle. */
  "vehicle",
  /** Names, ages, dates, addresses: what words and lists can tell, less surely than check digits. */
  "person",
] as const;

export type PersonalGroup = (typeof GROUPS)[number];

export interface PersonalKind {
  /** In capitals, such as `CREDIT_CARD` or `PL_PESEL`. */
  readonly type: string;
  /** ISO 3166-1 alpha-2, where a country gives such numbers out. */
  readonly country?: string;
  readonly group: PersonalGroup;
  /** Source of a regular expression, without flags: all that it matches is the finding. Letters and digits end it on both sides. */
  readonly pattern: string;
  /** Whether what was matched can be one, by its check digits and parts. */
  readonly check?: (matched: string) => boolean;
  /**
   * Words one of which stands close to it. `a + b` are two that both do. A kind with such words is found only beside them, unless
   * `alone` is set.
   */
  readonly context?: readonly string[];
  /** What is matched may have more words or groups behind or in front than the number has; the check says which belong to it. */
  readonly shrinks?: boolean;
  /** Its shape and check are enough; words only make it surer. */
  readonly alone?: boolean;
}

type Row = Omit<PersonalKind, "group" | "type" | "pattern">;

/** A row; the names of the parts are spared where there are hundreds. */
export function kind(group: PersonalGroup, type: string, pattern: string, rest: Row = {}): PersonalKind {
  return { group, type, pattern, ...rest };
}
