/** Lines of a stream, none longer than a bound, so that no input makes the process grow. */

export interface NumberedLine {
  /** From 1. */
  readonly number: number;
  /** Undefined for a line that was too long, or is no UTF-8. */
  readonly text: string | undefined;
}

/** In: bytes, as a file or stdin gives them. A last line needs no end; empty lines are passed by. */
export async function* boundedLines(
  bytes: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<NumberedLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const line = (): NumberedLine | undefined => {
    const whole = length > bytesMax ? undefined : Buffer.concat(parts);
    const isEmpty = length === 0;
    parts = [];
    length = 0;
    const here = number++;
    if (isEmpty) return undefined;
    try {
      const text = whole && decoder.decode(whole);
      return text?.trim() === "" ? undefined : { number: here, text };
    } catch {
      return { number: here, text: undefined };
    }
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, at));
      from = at + 1;
      const done = line();
      if (done) yield done;
    }
    take(chunk.subarray(from));
  }
  const last = line();
  if (last) yield last;

  function take(part: Uint8Array): void {
    length += part.length;
    if (length <= bytesMax) parts.push(part);
    else parts = [];
  }
}
