/**
 * A token that many calls use, got once for all of them.
 *
 * Guarantees: whoever asks at the same moment shares one getting of it; a caller whose token was refused gets another, and callers
 * whose same token was refused share that one. A failed getting is not kept.
 */

/** Asks for the token, or for another than the one that was refused. */
export type HeldToken<T extends object> = (notThis?: T) => Promise<T>;

/** `get` makes a token; it is told the one held before, which is good no longer. */
export function holdToken<T extends object>(get: (stale: T | undefined) => Promise<T>): HeldToken<T> {
  let held: T | undefined;
  let getting: Promise<T> | undefined;
  return async (notThis) => {
    if (held && held !== notThis) return held;
    getting ??= get(held).then(
      (token) => {
        held = token;
        getting = undefined;
        return token;
      },
      (error: unknown) => {
        getting = undefined;
        throw error;
      },
    );
    return getting;
  };
}
