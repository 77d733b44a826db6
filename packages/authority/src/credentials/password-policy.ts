/**
 * Which passwords a person may choose at sign-up: length first, then what attackers try first (NIST SP
 * 800-63B §3.1.1.2). No composition rules; they make passwords worse.
 *
 * Does not: apply to accounts that the seeder or an operator makes; demo accounts exist only on loopback.
 * Attack answered: online guessing of the popular few [SH-D06].
 */
import { DeputizeError } from "@deputize/core";

const PASSWORD_LENGTH_MIN = 12;
/** A bound on the work that one sign-up may cause. */
export const PASSWORD_LENGTH_MAX = 128;
const DISTINCT_CHARACTERS_MIN = 6;

/** Stems of the passwords that leaked lists rank highest; a password that is mostly one of them is refused. */
const COMMON_STEMS = [
  "password", "passw0rd", "qwerty", "azerty", "letmein", "welcome", "iloveyou", "admin", "monkey", "dragon",
  "football", "baseball", "sunshine", "princess", "superman", "batman", "trustno1", "starwars", "whatever",
  "customer", "deputize", "changeme", "secret", "master", "login", "shadow", "michael", "jordan", "abc123",
  "1q2w3e4r", "zaq12wsx", "qazwsx", "asdfgh", "zxcvbn", "123456", "654321", "111111", "000000", "123123",
]; // prettier-ignore

/** Undoes the usual disguises, so that `P@ssw0rd` is seen as `password`. */
function undisguised(text: string): string {
  const swaps: Record<string, string> = {
    "@": "a",
    "4": "a",
    "3": "e",
    "1": "i",
    "!": "i",
    "0": "o",
    $: "s",
    "5": "s",
  };
  return [...text].map((character) => swaps[character] ?? character).join("");
}

/** What is left of a password once every occurrence of `part` is taken out. */
function without(password: string, part: string): string {
  return part.length < 4 ? password : password.split(part).join("");
}

/** True when most steps from character to character are the same small step: `aaaa`, `abcd`, `4321`. */
function isSequence(password: string): boolean {
  const codes = [...password].map((character) => character.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, index) => code - (codes[index] ?? 0));
  const regular = steps.filter((step, index) => Math.abs(step) <= 1 && step === (steps[index - 1] ?? step));
  return regular.length >= steps.length * 0.7;
}

/** Why a password is refused, in words for the person; undefined when it is good. */
export function passwordWeakness(
  password: string,
  about: { readonly email: string; readonly name: string },
): string | undefined {
  const text = password.normalize("NFKC");
  const length = [...text].length;
  if (length < PASSWORD_LENGTH_MIN) return `use ${PASSWORD_LENGTH_MIN} characters or more`;
  if (length > PASSWORD_LENGTH_MAX) return `use ${PASSWORD_LENGTH_MAX} characters or fewer`;
  if (new Set(text).size < DISTINCT_CHARACTERS_MIN) return "use more different characters";
  const lower = text.toLowerCase();
  if (isSequence(lower)) return "avoid rows of neighboring characters";
  const personal = [...about.email.toLowerCase().split(/[@.+_-]/), ...about.name.toLowerCase().split(/\s+/)];
  if (personal.some((part) => without(lower, part).length < 8)) return "avoid your own name and address";
  // What remains beside a popular word must carry the password by itself.
  if (
    COMMON_STEMS.some(
      (stem) => without(lower, stem).length < 8 || without(undisguised(lower), undisguised(stem)).length < 8,
    )
  ) {
    return "avoid passwords that many people use";
  }
  return undefined;
}

/** Refuses a weak password with `validation_failed`, naming the field and the fix. */
export function assertStrongPassword(
  password: string,
  about: { readonly email: string; readonly name: string },
): void {
  const weakness = passwordWeakness(password, about);
  if (weakness) {
    throw new DeputizeError("validation_failed", `choose a stronger password: ${weakness}`, {
      detail: { field: "password", fix: weakness },
    });
  }
}
