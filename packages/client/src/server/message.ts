/**
 * Messages of a thread: what is sent, and what comes back, as blocks of text, media and tool calls.
 *
 * Guarantees: a message that was read has the types it says, whatever the server sent; a block of a kind that is not known here is
 * kept as `unknown`. Ids are text.
 */
import { type Json, isRecord, numberOf, recordsOf, textOf } from "./guards.ts";

export type Role = "user" | "assistant" | "system" | "tool";
export type MediaKind = "image" | "audio" | "video" | "document";

/** Where a file is: at an address, under an id of the server, or here as base64. */
export class MediaRef {
  kind: "url" | "file_id" | "data";
  url?: string;
  file_id?: string;
  data_base64?: string;
  mime_type?: string;
  filename?: string;

  constructor(
    kind: MediaRef["kind"] = "url",
    url?: string,
    file_id?: string,
    data_base64?: string,
    mime_type?: string,
  ) {
    this.kind = kind;
    if (url !== undefined) this.url = url;
    if (file_id !== undefined) this.file_id = file_id;
    if (data_base64 !== undefined) this.data_base64 = data_base64;
    if (mime_type !== undefined) this.mime_type = mime_type;
  }
}

export class TextBlock {
  readonly type = "text";
  text: string;

  constructor(text = "") {
    this.text = text;
  }
}

export class ImageBlock {
  readonly type = "image";
  media: MediaRef;

  constructor(media: MediaRef = new MediaRef()) {
    this.media = media;
  }
}

export class AudioBlock {
  readonly type = "audio";
  media: MediaRef;

  constructor(media: MediaRef = new MediaRef()) {
    this.media = media;
  }
}

export class VideoBlock {
  readonly type = "video";
  media: MediaRef;

  constructor(media: MediaRef = new MediaRef()) {
    this.media = media;
  }
}

export class DocumentBlock {
  readonly type = "document";
  media: MediaRef;

  constructor(media: MediaRef = new MediaRef()) {
    this.media = media;
  }
}

/** What a tool of this client answered to one call. */
export class ToolResultBlock {
  readonly type = "tool_result";
  call_id: string;
  output: unknown;
  is_error: boolean;
  status: "completed" | "failed";

  constructor(result: Omit<ToolResultBlock, "type">) {
    this.call_id = result.call_id;
    this.output = result.output;
    this.is_error = result.is_error;
    this.status = result.status;
  }
}

/** A call of a tool: on the server, or (`remote_tool_call`) one that this client is to run. */
export interface ToolCallBlock {
  readonly type: "tool_call" | "remote_tool_call";
  readonly id: string;
  readonly name: string;
  readonly args: Json;
}

export interface ReasoningBlock {
  readonly type: "reasoning";
  readonly summary: string;
}

export interface ErrorBlock {
  readonly type: "error";
  readonly message: string;
  readonly code?: string;
}

/** A kind of block that is not known here, as it came. */
export interface UnknownBlock {
  readonly type: "unknown";
  readonly value: unknown;
}

export type ContentBlock =
  | TextBlock
  | ImageBlock
  | AudioBlock
  | VideoBlock
  | DocumentBlock
  | ToolCallBlock
  | ToolResultBlock
  | ReasoningBlock
  | ErrorBlock
  | UnknownBlock;

const MEDIA_BLOCKS = {
  image: ImageBlock,
  audio: AudioBlock,
  video: VideoBlock,
  document: DocumentBlock,
} as const;

function mediaBlock(kind: MediaKind, media: MediaRef): ContentBlock {
  return new MEDIA_BLOCKS[kind](media);
}

export class Message {
  message_id: string | null;
  role: Role;
  content: ContentBlock[];
  /** A piece of a message that is still being written. */
  delta = false;
  timestamp?: number | string;
  metadata: Record<string, unknown> = {};

  constructor(role: Role, content: ContentBlock[], message_id: string | null = null) {
    this.role = role;
    this.content = content;
    this.message_id = message_id;
  }

  static user(text: string): Message {
    return new Message("user", [new TextBlock(text)]);
  }

  static text_message(content: string, role: Role = "user", message_id: string | null = null): Message {
    return new Message(role, [new TextBlock(content)], message_id);
  }

  static tool_message(
    content: ContentBlock[],
    message_id: string | null = null,
    meta: Record<string, unknown> = {},
  ): Message {
    const message = new Message("tool", content, message_id);
    message.metadata = meta;
    return message;
  }

  /** Text with a picture at an address, which may be a `data:` one. */
  static withImage(text: string, imageUrl: string, role: Role = "user"): Message {
    return new Message(role, [new TextBlock(text), new ImageBlock(new MediaRef("url", imageUrl))]);
  }

  /** Text with a file that was uploaded; its MIME type decides how it is shown to the agent. */
  static withFile(text: string, fileId: string, mimeType?: string, role: Role = "user"): Message {
    const [family = ""] = (mimeType ?? "").split("/");
    const kind: MediaKind =
      family === "image" || family === "audio" || family === "video" ? family : "document";
    const media = new MediaRef("file_id", undefined, fileId, undefined, mimeType);
    return new Message(role, [new TextBlock(text), mediaBlock(kind, media)]);
  }

  static multimodal(blocks: ContentBlock[], role: Role = "user"): Message {
    return new Message(role, blocks);
  }

  attach_media(media: MediaRef, as_type: MediaKind): void {
    if (!Object.hasOwn(MEDIA_BLOCKS, as_type)) throw new TypeError(`Unsupported media type: ${as_type}`);
    this.content.push(mediaBlock(as_type, media));
  }

  /** Its words, and those of tools' results. */
  text(): string {
    return this.content
      .map((block) => {
        if (block.type === "text") return block.text;
        if (block.type !== "tool_result") return "";
        return typeof block.output === "string" ? block.output : (JSON.stringify(block.output) ?? "");
      })
      .join("");
  }
}

/** A message as it is sent; without an id the server makes one. */
export function messageJson(message: Message): Json {
  return {
    role: message.role,
    content: message.content,
    ...(message.message_id !== null && { message_id: message.message_id }),
    ...(Object.keys(message.metadata).length > 0 && { metadata: message.metadata }),
  };
}

function readMedia(value: unknown): MediaRef {
  const from = isRecord(value) ? value : {};
  const kind = from["kind"] === "file_id" || from["kind"] === "data" ? from["kind"] : "url";
  const media = new MediaRef(
    kind,
    textOf(from["url"]),
    textOf(from["file_id"]),
    textOf(from["data_base64"]),
    textOf(from["mime_type"]),
  );
  const filename = textOf(from["filename"]);
  return filename === undefined ? media : Object.assign(media, { filename });
}

function readBlock(value: Json): ContentBlock {
  const type = textOf(value["type"]);
  switch (type) {
    case "text":
      return new TextBlock(textOf(value["text"]) ?? "");
    case "image":
    case "audio":
    case "video":
    case "document":
      return mediaBlock(type, readMedia(value["media"]));
    case "tool_call":
    case "remote_tool_call":
      return {
        type,
        id: textOf(value["id"]) ?? "",
        name: textOf(value["name"]) ?? "",
        args: isRecord(value["args"]) ? value["args"] : {},
      };
    case "tool_result":
      return new ToolResultBlock({
        call_id: textOf(value["call_id"]) ?? "",
        output: value["output"],
        is_error: value["is_error"] === true,
        status: value["status"] === "failed" ? "failed" : "completed",
      });
    case "reasoning":
      return { type, summary: textOf(value["summary"]) ?? "" };
    case "error": {
      const code = textOf(value["code"]);
      return { type, message: textOf(value["message"]) ?? "", ...(code !== undefined && { code }) };
    }
    default:
      return { type: "unknown", value };
  }
}

const ROLES: ReadonlySet<unknown> = new Set<Role>(["user", "assistant", "system", "tool"]);

/** A message as it came. A role that is not known is the agent's. */
export function readMessage(value: Json): Message {
  const { content, role } = value;
  const blocks = typeof content === "string" ? [new TextBlock(content)] : recordsOf(content).map(readBlock);
  const id = value["message_id"] ?? value["id"];
  const message = new Message(
    ROLES.has(role) ? (role as Role) : "assistant",
    blocks,
    typeof id === "string" ? id : typeof id === "number" ? String(id) : null,
  );
  message.delta = value["delta"] === true;
  const at = textOf(value["timestamp"]) ?? numberOf(value["timestamp"]) ?? textOf(value["created_at"]);
  if (at !== undefined) message.timestamp = at;
  if (isRecord(value["metadata"])) message.metadata = { ...value["metadata"] };
  return message;
}

/** The messages of a list. */
export function readMessages(value: unknown): Message[] {
  return recordsOf(value).map(readMessage);
}
