/** What apps are called: the name that an operator chooses, and the two names that are made from it. */
import { DeputizeError, randomHex } from "@deputize/core";

/** Throws `invalid_request`. */
export function checkAppName(name: string): void {
  if (name.length > 64 || !/^[a-z][a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) {
    throw new DeputizeError(
      "invalid_request",
      "an app's name is 2 to 64 lower-case letters, digits and single hyphens, and begins with a letter",
    );
  }
}

/** `app-{name}-{6 hex}`. */
export function newAppId(name: string): string {
  return `app-${name}-${randomHex(3)}`;
}

/** `{abbreviation}-{12 hex}`: two letters of the name, or the initials of up to three words. */
export function newClientId(name: string): string {
  const words = name.split("-");
  const short =
    words.length === 1
      ? name.slice(0, 2)
      : words
          .slice(0, 3)
          .map((word) => word[0])
          .join("");
  return `${short}-${randomHex(6)}`;
}
