/** How a command that serves ends. */

/** Longer than a server gives its open requests. */
const END_WITHIN_MS = 9_500;

/** Closes once, whoever asks, and then ends the process. */
export function ender(close: () => Promise<unknown>): (code: number) => void {
  let ending = false;
  return (code) => {
    if (ending) return;
    ending = true;
    // Whatever hangs, the process does not.
    setTimeout(() => process.exit(1), END_WITHIN_MS).unref();
    close().then(
      () => process.exit(code),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
}
