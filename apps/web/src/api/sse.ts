/**
 * Reads server-sent events from a response body (WHATWG HTML §9.2).
 *
 * Guarantees: events split anywhere between network chunks arrive whole; line ends may be LF, CR or CRLF;
 * comments are skipped; an unfinished event at the end of the stream is dropped, as the standard says.
 * `EventSource` itself cannot be used: it neither posts nor sends headers.
 */
export interface ServerEvent {
  event: string;
  data: string;
  id?: string;
}

/** A push parser: feed it text, it returns the events that became complete. */
export function sseParser(): (chunk: string) => ServerEvent[] {
  let rest = "";
  let event = "";
  let data: string[] = [];
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
      return;
    }
    if (text.startsWith(":")) return;
    const colon = text.indexOf(":");
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id" && !value.includes("\0")) id = value;
  }

  return (chunk) => {
    const out: ServerEvent[] = [];
    rest += chunk;
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

/** The events of a body, in order. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const parse = sseParser();
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parse(value);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
