/** What a request of revision 2026-07-28 repeats of its body in headers (SEP-2243), for clients in this process. */
import { PROTOCOL_VERSION_META_KEY } from "@modelcontextprotocol/server";

export interface RequestMessage {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

const NAME_OF: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

/** What a message over HTTP always says about itself. */
export const JSON_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
} as const;

/** The revision that a message names for itself; undefined for one of an older revision. */
export function revisionOf({ params }: RequestMessage): string | undefined {
  const meta = params?.["_meta"] as Readonly<Record<string, unknown>> | undefined;
  const revision = meta?.[PROTOCOL_VERSION_META_KEY];
  return typeof revision === "string" ? revision : undefined;
}

/** The headers that say what the body says, for a message that names its revision. */
export function repeatedHeaders(message: RequestMessage, revision: string): Record<string, string> {
  const { method, params } = message;
  const field = Object.hasOwn(NAME_OF, method) ? NAME_OF[method] : undefined;
  const name = field === undefined ? undefined : params?.[field];
  return {
    "mcp-protocol-version": headerValue(revision),
    "mcp-method": headerValue(method),
    ...(typeof name === "string" && { "mcp-name": headerValue(name) }),
  };
}

/** Text as a header can hold it: as it is, or in Base64 between marks. */
function headerValue(text: string): string {
  const plain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith("=?base64?");
  return plain ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}
