/**
 * The plain case of a call, answered without an SDK server of its own: one `tools/call` of revision 2026-07-28 that asks
 * for nothing but a result. Making a server and a transport for each request costs more than most tools do.
 *
 * Guarantees: only a message that the SDK would hand over unchanged comes this way: its own classifier says so, the headers
 * repeat the body letter by letter, and nothing in it could need a stream, an earlier input or another revision. Whatever else
 * comes goes the SDK's way, and so does an answer that asks the client for something. A test holds both ways to one answer.
 * Does not: decide anything about the caller; the call was admitted before.
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  SERVER_INFO_META_KEY,
  type CallToolResult,
  SdkError,
  SdkErrorCode,
  classifyInboundRequest,
  isJsonContentType,
} from "@modelcontextprotocol/server";
import type { CallWire } from "./call.ts";

const REVISION = "2026-07-28";

/** A call that may be answered straight. */
export interface StraightCall {
  readonly id: string | number;
  readonly capabilities: Readonly<Record<string, unknown>>;
}

const PARAMETERS: ReadonlySet<string> = new Set(["name", "arguments", "_meta"]);

/** Reads a message that was parsed already; undefined for all that is not the plain case. */
export function readStraightCall(request: Request, body: unknown): StraightCall | undefined {
  const message = body as {
    readonly id: unknown;
    readonly method: unknown;
    readonly params?: {
      readonly name?: unknown;
      readonly _meta?: Readonly<Record<string, unknown>>;
    };
  };
  const { headers } = request;
  const meta = message.params?._meta;
  if (
    message.method !== "tools/call" ||
    meta?.[PROTOCOL_VERSION_META_KEY] !== REVISION ||
    headers.get("mcp-protocol-version") !== REVISION ||
    headers.get("mcp-method") !== "tools/call" ||
    headers.get("mcp-name") !== message.params?.name ||
    headers.has("mcp-session-id") ||
    !isJsonContentType(headers.get("content-type")) ||
    "progressToken" in meta ||
    LOG_LEVEL_META_KEY in meta ||
    !Object.keys(message.params ?? {}).every((key) => PARAMETERS.has(key))
  ) {
    return undefined;
  }
  const { id } = message;
  if (typeof id !== "string" && !Number.isSafeInteger(id)) return undefined;
  const route = classifyInboundRequest({
    httpMethod: "POST",
    protocolVersionHeader: REVISION,
    mcpMethodHeader: "tools/call",
    body,
  });
  if (route.kind !== "modern" || route.messageKind !== "request") return undefined;
  return {
    id: id as string | number,
    capabilities: meta[CLIENT_CAPABILITIES_META_KEY] as Readonly<Record<string, unknown>>,
  };
}

/** The protocol's side of a straight call: there is no stream to tell anything on, and the client asked for none. */
export function straightWire(
  call: StraightCall,
  signal: AbortSignal,
  seal: (state: unknown) => Promise<string>,
): CallWire {
  const notHere = async (): Promise<never> => {
    throw new SdkError(
      SdkErrorCode.MethodNotSupportedByProtocolVersion,
      `revision ${REVISION} has no requests from server to client; return an \`input_required\` result`,
    );
  };
  return {
    signal,
    input: { responses: undefined, state: () => undefined, seal, capabilities: call.capabilities },
    legacy: { elicit: notHere, sample: notHere },
    progress: async () => {},
    log: async () => {},
  };
}

/** A tool's result as the SDK writes it. */
export function straightResult(
  call: StraightCall,
  result: CallToolResult,
  { name, version }: { readonly name: string; readonly version: string },
): Response {
  const { _meta: meta, ...rest } = result;
  return Response.json({
    result: {
      ...rest,
      resultType: "complete",
      _meta: { ...meta, [SERVER_INFO_META_KEY]: { name, version } },
    },
    jsonrpc: "2.0",
    id: call.id,
  });
}
