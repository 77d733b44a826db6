/** A tool's result as it enters the model's context: JSON, of a bounded length, and saying so where something was left out. */

const RESULT_MAX = 60_000;

/** Anything that JSON can hold, 60,000 characters of it at most. */
export function boundedResult(content: unknown): unknown {
  const text = JSON.stringify(content) ?? "null";
  if (text.length <= RESULT_MAX) return JSON.parse(text);
  return {
    note: `only the first ${RESULT_MAX} of ${text.length} characters are shown; ask for less at once`,
    beginning: (typeof content === "string" ? content : text).slice(0, RESULT_MAX),
  };
}
