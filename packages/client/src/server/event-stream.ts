/**
 * Reads server-sent events from a response body (WHATWG HTML §9.2).
 *
 * Guarantees: events split anywhere between network chunks arrive whole; line ends may be LF, CR or CRLF;
 * comments are skipped; an unfinished event at the end of the stream is dropped, as the standard says. An event may hold so many
 * characters and no more, whatever the server sends.
 * `EventSource` itself cannot be used: it neither posts nor sends headers.
 */
import { TransportError } from "../sdk/transport-error.ts";

export interface ServerEvent {
  event: string;
  data: string;
  id?: string;
}

/** Of one event, in characters. */
const LONGEST = 8 * 1024 * 1024;

/** A push parser: feed it text, it returns the events that became complete. */
export function sseParser(): (chunk: string) => ServerEvent[] {
  let rest = "";
  let event = "";
  let data: string[] = [];
  let held = 0;
  let id: string | undefined;

  function line(text: string, out: ServerEvent[]): void {
    if (text === "") {
      if (data.length > 0) {
        out.push({
          event: event === "" ? "message" : event,
          data: data.join("\n"),
          ...(id !== undefined && { id }),
        });
      }
      event = "";
      data = [];
      held = 0;
      return;
    }
    if (text.startsWith(":")) return;
    const colon = text.indexOf(":");
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") {
      data.push(value);
      held += value.length;
    } else if (field === "id" && !value.includes("\0")) id = value;
  }

  return (chunk) => {
    const out: ServerEvent[] = [];
    rest += chunk;
    if (rest.length + held > LONGEST + chunk.length)
      throw new TransportError("the server sent an event without an end");
    for (;;) {
      const end = rest.search(/[\r\n]/);
      // A lone CR at the very end may be half of a CRLF: wait for what follows.
      if (end === -1 || (rest[end] === "\r" && end === rest.length - 1)) return out;
      const width = rest[end] === "\r" && rest[end + 1] === "\n" ? 2 : 1;
      const text = rest.slice(0, end);
      rest = rest.slice(end + width);
      line(text, out);
    }
  };
}

export interface ReadOptions {
  /** Past so long without a byte it is given up: whoever serves it sends comments meanwhile. */
  readonly idleMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The events of a body, in order. Throws `TransportError` for one that fell silent, and the abort's reason. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  options: ReadOptions = {},
): AsyncGenerator<ServerEvent> {
  const parse = sseParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await bounded(reader.read(), options);
      if (done) return;
      yield* parse(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function bounded<T>(work: Promise<T>, { idleMs, signal }: ReadOptions): Promise<T> {
  if (idleMs === undefined && !signal) return work;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop: (() => void) | undefined;
  const over = new Promise<never>((_, reject) => {
    if (idleMs !== undefined)
      timer = setTimeout(
        () => reject(new TransportError(`the server sent nothing for ${idleMs} ms`)),
        idleMs,
      );
    stop = () => reject(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    if (stop) signal?.removeEventListener("abort", stop);
  }
}
