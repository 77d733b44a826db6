/** Standard output for the protocol alone: whatever else writes there, such as a handler's `console.log`, goes to standard error. */
import { Writable } from "node:stream";

export interface ClaimedStdout {
  readonly output: Writable;
  release(): void;
}

/** Does not hold child processes that inherit the descriptor. */
export function claimStdout(): ClaimedStdout {
  const { stdout, stderr } = process;
  const own = stdout.write;
  const write = own.bind(stdout);
  const output = new Writable({
    decodeStrings: false,
    write: (chunk: string | Uint8Array, _encoding, done) => void write(chunk, done),
  });
  // A client that left is told by the stream above.
  const ignore = () => {};
  stdout.on("error", ignore);
  stdout.write = stderr.write.bind(stderr);
  return {
    output,
    release: () => {
      stdout.write = own;
      stdout.off("error", ignore);
    },
  };
}
