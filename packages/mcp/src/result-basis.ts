/**
 * What a result rests on: told in `_meta`, so that whoever keeps an answer made of it knows when to let it go [SR-22].
 *
 * Guarantees: versions are those from before the handler's first reading; a result that rests on more than its caller, its
 * arguments and the declared data (an open case, session state, the client's input) tells none, and neither does one whose
 * tool declares nothing.
 */
import type { DataVersions } from "@deputize/store";

export interface ResultBasis {
  /** Whether the call may have changed anything. */
  readonly effect: "read" | "write";
  /** Versions of the data that was read, by tag. Absent: nobody can tell when the result is stale. */
  readonly versions?: DataVersions;
  /** Until when the result holds, as RFC 3339; absent where time alone does not end it. */
  readonly validUntil?: string;
}
