/**
 * Reads a body of JSON lines (NDJSON).
 *
 * Guarantees: lines split anywhere arrive whole, the last one without a line end, too. A line has a bound, whatever the server sends.
 */
import { TransportError } from "../sdk/transport-error.ts";

/** Of one line, in characters. */
const LONGEST = 8 * 1024 * 1024;

/** The lines, in order. Throws `TransportError` for one that is no JSON. */
export async function* readJsonLines(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  const parse = (line: string): unknown => {
    try {
      return JSON.parse(line);
    } catch (error) {
      throw new TransportError("the server sent a line that is no JSON", error);
    }
  };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split("\n");
      rest = done ? "" : (lines.pop() ?? "");
      if (rest.length > LONGEST) throw new TransportError("the server sent a line without an end");
      for (const line of lines) if (line.trim() !== "") yield parse(line);
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
