/**
 * A tool server as this command talks to it: the protocol's own client, one connection for one question.
 *
 * Guarantees: redirects are not followed, which would carry the token away; a refusal is told with its code, request and entry.
 * Does not: show anything that a server says without `plain`; that is the printing's work.
 */
import {
  Client,
  ProtocolError,
  SdkHttpError,
  StreamableHTTPClientTransport,
  type Tool,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import { DeputizeError, isDeputizeError } from "@deputize/core";
import { META } from "@deputize/mcp";
import { UsageError } from "./usage-error.ts";
import manifest from "../../package.json" with { type: "json" };

export interface ToolServerAddress {
  readonly address: URL;
  readonly token: string;
  /** The header that the credential goes into as it is; `Authorization: Bearer` unless told. */
  readonly header?: string | undefined;
}

/** True for what is an address and no file. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** Reads the address of a server, before anything secret is asked for. Throws `UsageError`. */
export function readAddress(text: string): URL {
  const address = isAddress(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (!address || address.username || address.password)
    throw new UsageError("the address of a tool server is http(s)://host/path");
  return address;
}

/** Connects, works, and leaves. Throws `DeputizeError` with what went wrong in one line. */
export async function withToolServer<T>(
  { address, token, header }: ToolServerAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const transport = new StreamableHTTPClientTransport(address, {
    requestInit: { headers: header ? { [header]: token } : { authorization: `Bearer ${token}` } },
    fetch: (input, init) => fetch(input, { ...init, redirect: "error" }),
  });
  const client = new Client(
    { name: "deputize-command", version: manifest.version },
    { versionNegotiation: { mode: "auto" } },
  );
  try {
    await client.connect(transport);
    return await work(client);
  } catch (error) {
    throw toldOf(error, address);
  } finally {
    await client.close().catch(() => {});
  }
}

/** All tools that the token may see. */
export async function toolsOf(client: Client): Promise<readonly Tool[]> {
  const tools: Tool[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tools;
}

function toldOf(error: unknown, url: URL): unknown {
  if (isDeputizeError(error)) return error;
  if (error instanceof ProtocolError) {
    const data = (error.data ?? {}) as Readonly<Record<string, unknown>>;
    const entry = data[META.entryId];
    const detail = typeof entry === "string" ? { entry_id: entry } : {};
    const where = typeof entry === "string" ? ` (entry ${entry})` : "";
    return data["code"] === "not_found"
      ? new DeputizeError(
          "not_found",
          `there is no such tool for you here${where}; \`deputize tools list ${url.href}\` shows what there is`,
          { detail },
        )
      : new DeputizeError("invalid_request", `${error.message}${where}`, { detail });
  }
  const status = error instanceof SdkHttpError ? error.status : undefined;
  if (error instanceof UnauthorizedError || status === 401)
    return new DeputizeError("invalid_token", "the token is not valid there; get a new one", {
      cause: error,
    });
  if (status === 403)
    return new DeputizeError("forbidden", "the token lacks a scope for that", { cause: error });
  if (status === 404)
    return new DeputizeError("not_found", `there is no tool server at ${url.pathname}; is it /mcp?`, {
      cause: error,
    });
  if (status === 429)
    return new DeputizeError("rate_limited", "too many requests; wait a little", { cause: error });
  return new DeputizeError("unavailable", `${url.host} does not answer as a tool server; is it running?`, {
    cause: error,
  });
}
