/**
 * Carries a chat of the AI SDK over the shop's `POST /api/chat/stream`.
 *
 * Guarantees: every named event becomes UI message chunks, in order; an unknown event or unreadable data is
 * skipped; a stream that ends without `done` is reported as a lost connection, never as a finished answer.
 * Only the last message of the person is sent: history lives on the server, so a page cannot forge it.
 */
import type { ChatTransport, UIMessageChunk } from "ai";
import { send } from "../../api/http.ts";
import { type ServerEvent, readEvents } from "@deputize/client/server";
import type { Approval, Card, Problem, Step, TurnStatus } from "../../api/types.ts";
import type { TurnData, TurnMessage, TurnMetadata } from "./turn.ts";

type Chunk = UIMessageChunk<TurnMetadata, TurnData>;

export const LOST_CONNECTION = "the connection was lost before the answer was complete";

export interface TurnMapper {
  (event: ServerEvent): Chunk[];
  /** True once `done` came. */
  finished(): boolean;
}

function parseObject(data: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Turns the events of one turn into chunks. Holds which text part is open, and numbers the cards. */
export function turnMapper(onStart: (conversationId: string, runId: string) => void): TurnMapper {
  let text: string | undefined;
  let texts = 0;
  let cards = 0;
  let over = false;

  const closeText = (): Chunk[] => {
    if (text === undefined) return [];
    const id = text;
    text = undefined;
    return [{ type: "text-end", id }];
  };

  function map({ event, data }: ServerEvent): Chunk[] {
    const value = parseObject(data);
    if (value === undefined || over) return [];
    switch (event) {
      case "start": {
        const { run_id: runId, conversation_id: conversationId } = value;
        if (typeof runId !== "string" || typeof conversationId !== "string") return [];
        onStart(conversationId, runId);
        return [{ type: "start", messageId: runId, messageMetadata: { runId, conversationId } }];
      }
      case "delta": {
        if (typeof value["text"] !== "string") return [];
        const chunks: Chunk[] = [];
        if (text === undefined) {
          text = `text-${texts++}`;
          chunks.push({ type: "text-start", id: text });
        }
        chunks.push({ type: "text-delta", id: text, delta: value["text"] });
        return chunks;
      }
      case "tool":
        if (typeof value["call_id"] !== "string") return [];
        // Same id, same part: a running step becomes a finished one in place.
        return [{ type: "data-step", id: value["call_id"], data: value as unknown as Step }];
      case "card":
        if (typeof value["type"] !== "string") return [];
        return [...closeText(), { type: "data-card", id: `card-${cards++}`, data: value as unknown as Card }];
      case "approval":
        if (typeof value["id"] !== "string") return [];
        return [
          ...closeText(),
          { type: "data-approval", id: value["id"], data: value as unknown as Approval },
        ];
      case "metadata": {
        const agents = value["agents_involved"];
        return Array.isArray(agents)
          ? [{ type: "message-metadata", messageMetadata: { agents: agents.map(String) } }]
          : [];
      }
      case "error":
        return [...closeText(), { type: "data-problem", id: "problem", data: value as Problem }];
      case "done": {
        over = true;
        const status = (typeof value["status"] === "string" ? value["status"] : "done") as TurnStatus;
        return [
          ...closeText(),
          { type: "message-metadata", messageMetadata: { status } },
          { type: "finish" },
        ];
      }
      default:
        return [];
    }
  }
  return Object.assign(map, { finished: () => over });
}

/** The chunks of a whole body; ends with an error chunk when the stream broke off. */
export function chunksOf(
  body: ReadableStream<Uint8Array>,
  onStart: (conversationId: string, runId: string) => void,
): ReadableStream<UIMessageChunk> {
  const map = turnMapper(onStart);
  return new ReadableStream<UIMessageChunk>({
    async start(controller) {
      try {
        for await (const event of readEvents(body)) {
          for (const chunk of map(event)) controller.enqueue(chunk as UIMessageChunk);
          if (map.finished()) break;
        }
        if (!map.finished()) controller.enqueue({ type: "error", errorText: LOST_CONNECTION });
        controller.close();
      } catch (error) {
        if (error instanceof DOMException && error.name === "AbortError") controller.error(error);
        else {
          controller.enqueue({ type: "error", errorText: LOST_CONNECTION });
          controller.close();
        }
      }
    },
  });
}

const textOf = (message: TurnMessage | undefined): string =>
  (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");

export interface ShopTransportOptions {
  conversationId: () => string | undefined;
  onStart: (conversationId: string, runId: string) => void;
}

/** In: where the conversation stands. Out: a transport for `Chat`; `sendMessages` throws `ApiError` when refused. */
export function shopTransport({ conversationId, onStart }: ShopTransportOptions): ChatTransport<TurnMessage> {
  return {
    async sendMessages({ messages, abortSignal }) {
      const message = textOf(messages.findLast((candidate) => candidate.role === "user"));
      const id = conversationId();
      const response = await send("POST", "/api/chat/stream", {
        body: { message, ...(id !== undefined && { conversation_id: id }) },
        signal: abortSignal,
        accept: "text/event-stream",
      });
      if (response.body === null) throw new Error(LOST_CONNECTION);
      return chunksOf(response.body, onStart);
    },
    // A turn that was under way at reload is read from the stored conversation instead.
    reconnectToStream: () => Promise.resolve(null),
  };
}
