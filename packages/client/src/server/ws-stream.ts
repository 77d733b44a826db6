/** Asking an agent over a socket: one connection for all rounds with this client's tools. */
import { TransportError } from "../sdk/transport-error.ts";
import { type StreamChunk, chunkError, readChunk } from "./chunks.ts";
import { type AskOptions, askBody, nextRound } from "./graph.ts";
import { isRecord } from "./guards.ts";
import type { ServerHttp } from "./http.ts";
import type { Message } from "./message.ts";
import { type OpenSocket, type SocketOptions, openSocket, socketMessages } from "./socket.ts";
import type { ClientTools } from "./tools.ts";

export interface SocketCalls {
  /** As `stream`, over a socket. */
  wsStream(messages: readonly Message[], options?: AskOptions): AsyncGenerator<StreamChunk>;
}

const ROUNDS = 25;

function chunkOf(frame: string | ArrayBuffer): StreamChunk {
  if (typeof frame !== "string") throw new TransportError("the server sent bytes where text belongs");
  try {
    return readChunk(JSON.parse(frame));
  } catch (error) {
    throw error instanceof TransportError
      ? error
      : new TransportError("the server sent a frame that is no JSON", error);
  }
}

/** The end of a round, which the server says by itself. */
function isRoundEnd({ event, data }: StreamChunk): boolean {
  return event === "updates" && isRecord(data) && data["status"] === "done";
}

export function socketCalls(http: ServerHttp, tools: ClientTools, sockets: SocketOptions): SocketCalls {
  /** A handshake that fails may be the credential's fault, so a renewable one is renewed once. Nothing was sent yet. */
  async function open(signal: AbortSignal | undefined): Promise<OpenSocket> {
    const path = "/v1/graph/ws";
    const used = await http.credentials.current();
    try {
      return await openSocket(http, path, { ...sockets, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (!http.credentials.renewable) throw error;
      return openSocket(http, path, { ...sockets, signal, refused: used });
    }
  }

  async function* wsStream(
    messages: readonly Message[],
    options: AskOptions = {},
  ): AsyncGenerator<StreamChunk> {
    const { signal, recursion_limit = ROUNDS } = options;
    const first = askBody(messages, options);
    const { socket } = await open(signal);
    const frames = socketMessages(socket, signal);
    socket.send(JSON.stringify({ invoke_type: "fresh", ...first }));
    let said: Message[] = [];
    let threadId: string | null = null;
    let rounds = 1;
    for await (const frame of frames) {
      const chunk = chunkOf(frame);
      threadId = chunk.thread_id ?? threadId;
      if (chunk.event === "error") throw chunkError(chunk);
      if (!isRoundEnd(chunk)) {
        if (chunk.message && !chunk.message.delta) said.push(chunk.message);
        yield chunk;
        continue;
      }
      const results = await tools.run(said);
      if (results.length === 0 || rounds >= recursion_limit) return;
      rounds += 1;
      said = [];
      const { messages: tool_result, ...round } = askBody(results, nextRound(options, threadId));
      socket.send(JSON.stringify({ invoke_type: "resume", tool_result, ...round }));
    }
    signal?.throwIfAborted();
    throw new TransportError("the socket was closed before the answer was whole");
  }

  return { wsStream };
}
