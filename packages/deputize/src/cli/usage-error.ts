/** The command was given in a way that cannot work: exit code 2, where a refusal or a failure is 1. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
