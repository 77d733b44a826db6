/**
 * Tools of an MCP server, used with a token that is good for that server and this caller only.
 *
 * Guarantees: each piece of work carries a token from `authority.tokenFor(audience)`, asked for anew, and renewed once where the
 * server refuses it [PR-D48]; no connection, list or token is shared between callers. Lists are kept per caller and permission
 * set, so that a hundred messages make one discovery [PR-D02].
 * Of what a server answers, a label that is missing is unknown [SR-07], and cards count only as structured data. What a server that
 * is not trusted writes into the descriptions of its tools is text by others.
 * Does not: believe a server's annotations, or decide anything from them.
 */
import { createHash } from "node:crypto";
import type { JSONSchema7 } from "@ai-sdk/provider";
import {
  type CallToolResult,
  Client,
  type DiscoverResult,
  InsufficientScopeError,
  ProtocolError,
  SdkHttpError,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import {
  type Caller,
  type Clock,
  DeputizeError,
  isDeputizeError,
  systemClock,
  telemetry,
} from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import { bearerFetch } from "./bearer-fetch.ts";
import { askAgain, readOutcome, refusal } from "./mcp-outcome.ts";
import type { OfferedTool, ToolCall, ToolContext, ToolOutcome, ToolSource } from "./tool-source.ts";

export interface McpToolsOptions {
  readonly name: string;
  readonly url: string;
  /** The audience of the tokens to use there. The URL itself unless set. */
  readonly audience?: string;
  /** For servers in the same process, and for hosts with a network policy of their own. */
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** Tools to use of those that the server offers; all unless set. */
  readonly only?: readonly string[];
  /**
   * What the server says of its answers counts: who wrote them and who may read them, what they rest on, that a call waits for an
   * approval, which entry of the log it left. For servers of one's own. Without it its words are nobody's [SR-07], and it is told
   * nothing of the run that calls it. False unless set.
   */
  readonly trust?: boolean;
}

interface Discovery {
  readonly tools: readonly OfferedTool[];
  readonly discover: DiscoverResult | undefined;
  readonly atMs: number;
}

const DISCOVERY_TTL_MS = 60_000;
const DISCOVERIES_MAX = 1_000;
const LIST_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 60_000;
const NOTE_NAME_MAX = 64;

/** Whose list it is: the same person by the same deputies with the same permissions sees the same tools. */
function permissionSet(caller: Caller): string {
  const { tenant, subject, actors, roles, scopes, constraints = {} } = caller;
  const facts = [tenant, subject, actors, [...roles].sort(), [...scopes].sort(), constraints];
  return createHash("sha256").update(JSON.stringify(facts)).digest("base64url");
}

/** Of what a server that is not trusted says of its tools, to whoever asked it. */
function strangersWords(server: string, { subject }: Caller): Label {
  return { integrity: "untrusted", readers: [subject], source: `${server}/tool descriptions` };
}

/** A source over one MCP server. Throws `config_invalid` for an address that is none. */
export function mcpTools(options: McpToolsOptions): ToolSource {
  const { name, clock = systemClock, trust = false } = options;
  const url = URL.parse(options.url);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new DeputizeError("config_invalid", `the tool server ${name} needs an http or https address`);
  }
  const audience = options.audience ?? options.url;
  const fetcher = options.fetch ?? globalThis.fetch;
  const discoveries = new Map<string, Promise<Discovery>>();

  /** One connection for one piece of work of one caller. */
  async function connected<T>(
    context: ToolContext,
    timeoutMs: number,
    known: Discovery | undefined,
    work: (client: Client, options: { signal: AbortSignal; timeout: number }) => Promise<T>,
  ): Promise<T> {
    const bearer = await bearerFetch(context, audience, fetcher);
    const transport = new StreamableHTTPClientTransport(url as URL, {
      fetch: bearer.fetch,
      reconnectionOptions: {
        maxRetries: 0,
        initialReconnectionDelay: 1_000,
        maxReconnectionDelay: 1_000,
        reconnectionDelayGrowFactor: 1,
      },
    });
    const client = new Client(
      { name: context.agent, version: "0.1.0" },
      { versionNegotiation: { mode: "auto" } },
    );
    const limits = { signal: context.signal, timeout: timeoutMs };
    try {
      const prior = known?.discover && ({ kind: "modern", discover: known.discover } as const);
      await client.connect(transport, { ...limits, ...(prior && { prior }) });
      return await work(client, limits);
    } catch (error) {
      throw bearer.ended() ?? clean(error, name);
    } finally {
      await client.close().catch(() => {});
    }
  }

  async function discover(context: ToolContext): Promise<Discovery> {
    return connected(context, LIST_TIMEOUT_MS, undefined, async (client, limits) => {
      const { tools } = await client.listTools(undefined, limits);
      const offered = tools
        .filter((tool) => options.only?.includes(tool.name) ?? true)
        .map((tool) => ({
          name: tool.name,
          description: tool.description ?? tool.title ?? tool.name,
          inputSchema: tool.inputSchema as JSONSchema7,
          ...(!trust && { label: strangersWords(name, context.caller) }),
        }));
      return { tools: offered, discover: client.getDiscoverResult(), atMs: clock.monotonicMs() };
    });
  }

  async function discovery(context: ToolContext): Promise<Discovery> {
    const key = permissionSet(context.caller);
    const kept = await discoveries.get(key)?.catch(() => undefined);
    if (kept && clock.monotonicMs() - kept.atMs < DISCOVERY_TTL_MS) return kept;
    const fresh = discover(context);
    discoveries.delete(key);
    discoveries.set(key, fresh);
    for (const oldest of discoveries.keys()) {
      if (discoveries.size <= DISCOVERIES_MAX) break;
      discoveries.delete(oldest);
    }
    try {
      return await fresh;
    } catch (error) {
      if (discoveries.get(key) === fresh) discoveries.delete(key);
      throw error;
    }
  }

  return {
    name,
    async list(context) {
      try {
        return (await discovery(context)).tools;
      } catch (error) {
        // Known, but without anything to do there: nothing is offered.
        if (isDeputizeError(error, "forbidden")) return [];
        throw error;
      }
    },

    async call(call, context): Promise<ToolOutcome> {
      if (call.approval?.decision === "refuse") {
        return refusal(name, "approval_invalid", "the person said no; it was not done");
      }
      try {
        const known = await discovery(context);
        const send = (sent: ToolCall): Promise<CallToolResult> =>
          connected(context, CALL_TIMEOUT_MS, known, (client, limits) =>
            client.callTool(
              { name: sent.tool, arguments: { ...sent.args }, _meta: notes(sent, context, trust) },
              limits,
            ),
          );
        let result = await send(call);
        if (trust && call.approval && askAgain(result)) {
          // The person said yes to something else than what would happen now: ask for a new yes.
          const { approval: _, ...fresh } = call;
          result = await send(fresh);
        }
        return readOutcome({ name, trust }, result, call, context, new Date(clock.nowMs()).toISOString());
      } catch (error) {
        if (isDeputizeError(error, "forbidden")) return refusal(name, error.code, error.message);
        if (isDeputizeError(error, "not_found")) return refusal(name, error.code, error.message);
        throw error;
      }
    },
  };
}

/**
 * What the agent says about a call. None of it grants anything; the tool server checks all of it. A server that is not trusted has
 * no use for who may read what, or where the conversation is.
 */
function notes(call: ToolCall, context: ToolContext, trust: boolean): Record<string, unknown> {
  const traceparent = telemetry.traceparent();
  return {
    ...(traceparent !== undefined && { traceparent }),
    "deputize/call_id": call.callId,
    ...(context.lasting && { "deputize/once": true }),
    ...(trust && ofRun(call, context)),
  };
}

function ofRun(call: ToolCall, context: ToolContext): Record<string, unknown> {
  const sources = Object.entries(call.argumentSources).filter(
    ([argument]) => argument.length <= NOTE_NAME_MAX,
  );
  return {
    "deputize/run_id": context.runId,
    "deputize/conversation_id": context.personConversationId ?? context.conversationId,
    "deputize/context": context.label,
    "deputize/argument_sources": Object.fromEntries(sources),
    "deputize/origins": Object.fromEntries(
      Object.entries(call.origins ?? {}).filter(([argument]) => argument.length <= NOTE_NAME_MAX),
    ),
    ...(call.approval && { "deputize/approval_id": call.approval.id }),
  };
}

/** A fault of the connection as one of ours. Nothing of the response's body is in it. */
function clean(error: unknown, server: string): unknown {
  if (isDeputizeError(error)) return error;
  const status = error instanceof SdkHttpError ? error.status : undefined;
  if (error instanceof UnauthorizedError || status === 401) {
    return new DeputizeError("invalid_token", "your authority for this has ended; sign in again", {
      cause: error,
    });
  }
  if (error instanceof InsufficientScopeError || status === 403) {
    return new DeputizeError("forbidden", "that is not among the things that you may do here", {
      cause: error,
    });
  }
  if (status === 429) {
    return new DeputizeError("rate_limited", "too many requests; wait a little", { cause: error });
  }
  if (error instanceof ProtocolError && error.code === INVALID_PARAMS) {
    return new DeputizeError("not_found", "there is no such tool here, or its arguments do not fit", {
      cause: error,
    });
  }
  return new DeputizeError("unavailable", `the tool server ${server} cannot be reached; try again`, {
    cause: error,
  });
}

const INVALID_PARAMS = -32602;
