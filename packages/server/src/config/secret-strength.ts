/** Whether a secret that somebody chose can be guessed. */

const LEAST_CHARACTERS = 32;
const LEAST_DISTINCT = 10;

/** What is wrong with it, such as `repeats itself`; undefined where nothing is. The secret is never in it. */
export function weaknessOf(secret: string): string | undefined {
  if (secret.length < LEAST_CHARACTERS) return `has fewer than ${LEAST_CHARACTERS} characters`;
  if (new Set(secret).size < LEAST_DISTINCT) return "repeats a few characters";
  if (/^(.{1,16})\1+$/.test(secret)) return "repeats itself";
  if (/change.?me|your.?secret|example|password/i.test(secret)) return "is a placeholder";
  return /\s/.test(secret) ? "holds blanks" : undefined;
}
