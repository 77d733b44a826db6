/**
 * Reading one JSON-RPC request of A2A 1.0 (§9.3, JSON-RPC 2.0), before the protocol's library sees it.
 *
 * Guarantees: what is handed on was written anew from the protocol's own fields, so that a second spelling of a field reaches nothing
 * that the first was checked for; ids, texts and lists are bounded; a message is a person's or program's (`ROLE_USER`), with parts that
 * an agent here can read. What is refused is refused with the code that the protocol has for it.
 */
import {
  CancelTaskRequest,
  GetExtendedAgentCardRequest,
  GetTaskRequest,
  ListTasksRequest,
  type Message,
  Role,
  SendMessageRequest,
  SubscribeToTaskRequest,
} from "@a2a-js/sdk";
import {
  A2A_ERROR_CODE,
  type A2AError,
  ContentTypeNotSupportedError,
  PushNotificationNotSupportedError,
  RequestMalformedError,
} from "@a2a-js/sdk/errors";
import { JsonRpcTransportHandler } from "@a2a-js/sdk/server";
import { parseJsonText } from "@deputize/client";
import { isDeputizeError } from "@deputize/core";
import { z } from "zod";

export type RpcId = string | number | null;

export interface RpcError {
  readonly jsonrpc: "2.0";
  readonly id: RpcId;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** One call, with its parameters as the protocol writes them. */
export interface RpcCall {
  readonly id: RpcId;
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly tenant: string;
  /** The task that it is about, or that its message goes on with. */
  readonly taskId: string | undefined;
  /** The answer is not to wait for the task. */
  readonly returnsAtOnce: boolean;
}

/** What the task table keeps. */
const MAX_ID = 100;
const MAX_PARTS = 100;
/** JSON nested deeper is nobody's message, and costs a walk of its own at each step. */
const MAX_DEPTH = 64;

const Envelope = z.strictObject({
  jsonrpc: z.literal("2.0"),
  method: z.string().min(1).max(100),
  id: z.union([z.string().max(200), z.number().int(), z.null()]),
  params: z.looseObject({}).optional(),
});

export function rpcError(id: RpcId, code: number, message: string): RpcError {
  return { jsonrpc: "2.0", id, error: { code, message } };
}

/** An error of the protocol, or anything else that was thrown, as an answer. */
export function rpcErrorOf(id: RpcId, error: unknown): RpcError {
  return { jsonrpc: "2.0", id, error: JsonRpcTransportHandler.mapToJSONRPCError(error) };
}

/** Reads a body. What is no request answers by the error of its kind. */
export function readRpcCall(text: string): RpcCall | RpcError {
  let json: unknown;
  try {
    json = parseJsonText(text);
  } catch (error) {
    return isDeputizeError(error) && error.cause instanceof SyntaxError
      ? rpcError(null, A2A_ERROR_CODE.PARSE_ERROR, "Invalid JSON payload")
      : rpcError(null, A2A_ERROR_CODE.INVALID_REQUEST, "the request holds text that nothing can keep");
  }
  const read = Envelope.safeParse(json);
  if (!read.success || isDeeperThan(json, MAX_DEPTH)) {
    return rpcError(
      idOf(json),
      A2A_ERROR_CODE.INVALID_REQUEST,
      "not one JSON-RPC 2.0 request with `jsonrpc`, `id`, `method` and `params`",
    );
  }
  const { id, method, params = {} } = read.data;
  try {
    return { id, method, ...readParams(method, params) };
  } catch (error) {
    // What the library cannot read is malformed, and its words about it are not ours to pass on.
    return rpcErrorOf(
      id,
      isProtocolError(error) ? error : new RequestMalformedError("Invalid method parameters"),
    );
  }
}

function isProtocolError(error: unknown): error is A2AError {
  return [RequestMalformedError, ContentTypeNotSupportedError, PushNotificationNotSupportedError].some(
    (kind) => error instanceof kind,
  );
}

/** The id of what is no request, where it has one (JSON-RPC 2.0 §5). */
function idOf(json: unknown): RpcId {
  const id = z.looseObject({ id: Envelope.shape.id }).safeParse(json);
  return id.success ? id.data.id : null;
}

function isDeeperThan(value: unknown, depth: number): boolean {
  let level: unknown[] = [value];
  for (let at = 0; level.length > 0; at += 1) {
    if (at > depth) return true;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}

type Read = Pick<RpcCall, "params" | "tenant" | "taskId" | "returnsAtOnce">;

function readParams(method: string, params: Record<string, unknown>): Read {
  switch (method) {
    case "SendMessage":
    case "SendStreamingMessage":
      return readSend(SendMessageRequest.fromJSON(params));
    case "GetTask":
      return ofTask(GetTaskRequest, params);
    case "CancelTask":
      return ofTask(CancelTaskRequest, params);
    case "SubscribeToTask":
      return ofTask(SubscribeToTaskRequest, params);
    case "ListTasks": {
      const read = ListTasksRequest.fromJSON(params);
      assertId(read.contextId, "contextId");
      assertHistory(read.historyLength);
      return plain(ListTasksRequest.toJSON(read), read.tenant);
    }
    case "GetExtendedAgentCard": {
      const read = GetExtendedAgentCardRequest.fromJSON(params);
      return plain(GetExtendedAgentCardRequest.toJSON(read), read.tenant);
    }
    default:
      if (method.includes("PushNotificationConfig")) throw new PushNotificationNotSupportedError();
      return plain({}, "");
  }
}

function plain(json: unknown, tenant: string, taskId?: string): Read {
  return { params: json as Record<string, unknown>, tenant, taskId, returnsAtOnce: false };
}

interface TaskCodec<T> {
  fromJSON(object: unknown): T;
  toJSON(message: T): unknown;
}

function ofTask<T extends { id: string; tenant: string; historyLength?: number | undefined }>(
  codec: TaskCodec<T>,
  params: unknown,
): Read {
  const read = codec.fromJSON(params);
  assertId(read.id, "id");
  assertHistory(read.historyLength);
  return plain(codec.toJSON(read), read.tenant, read.id);
}

function readSend(request: SendMessageRequest): Read {
  const { message, configuration } = request;
  if (!message) throw new RequestMalformedError("`message` is required");
  if (configuration?.taskPushNotificationConfig) throw new PushNotificationNotSupportedError();
  assertHistory(configuration?.historyLength);
  assertMessage(message);
  return {
    params: SendMessageRequest.toJSON(request) as Record<string, unknown>,
    tenant: request.tenant,
    taskId: message.taskId || undefined,
    returnsAtOnce: configuration?.returnImmediately === true,
  };
}

function assertMessage(message: Message): void {
  if (message.messageId === "") throw new RequestMalformedError("`message.messageId` is required");
  for (const name of ["messageId", "contextId", "taskId"] as const)
    assertId(message[name], `message.${name}`);
  if (message.role !== Role.ROLE_USER) throw new RequestMalformedError("`message.role` is `ROLE_USER`");
  const { parts } = message;
  if (parts.length === 0 || parts.length > MAX_PARTS || message.referenceTaskIds.length > MAX_PARTS)
    throw new RequestMalformedError(`a message has 1 to ${MAX_PARTS} parts`);
  for (const id of message.referenceTaskIds) assertId(id, "message.referenceTaskIds");
  for (const { content } of parts) {
    if (content === undefined)
      throw new RequestMalformedError("each part of a message is one of `text` and `data`");
    if (content.$case === "raw" || content.$case === "url")
      throw new ContentTypeNotSupportedError("this agent reads text and data, and no files");
  }
}

function assertId(id: string, name: string): void {
  if (id.length > MAX_ID) throw new RequestMalformedError(`\`${name}\` has ${MAX_ID} characters at most`);
}

function assertHistory(length: number | undefined): void {
  if (length !== undefined && (!Number.isInteger(length) || length < 0))
    throw new RequestMalformedError("`historyLength` is a whole number of 0 or more");
}
