/** The one place that asks what time it is. Core's Clock cannot be used here: its package needs Node. */
export function now(): number {
  return Date.now();
}
