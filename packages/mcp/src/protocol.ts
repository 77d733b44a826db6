/**
 * Our definitions as an MCP server of the SDK, made anew for each request and each session.
 *
 * Guarantees: every handler first asks who came with this request; without a caller it refuses, whatever the
 * transport (the SDK by itself would run the tool). Tools, resources, prompts and completions answer through
 * one path (PR-D11). Lists show only what the caller may use, and may be cached by that caller only.
 */
import { DeputizeError } from "@deputize/core";
import {
  type AuthInfo,
  CLIENT_CAPABILITIES_META_KEY,
  type CallToolResult,
  type GetPromptResult,
  ProtocolError,
  type ReadResourceResult,
  type RequestStateCodec,
  ResourceNotFoundError,
  Server,
  type ServerContext,
  type Tool,
} from "@modelcontextprotocol/server";
import type { CallServices, Visit } from "./visit.ts";
import { type Asker, type Catalogue, visible } from "./admission.ts";
import { type CallOutcome, type CallWire, performCall } from "./call.ts";
import { type Definition, mayAsk } from "./definition.ts";
import type { PromptMessages, ResourceContent } from "./options.ts";
import { META, type ContentResult, isContentResult, renderError, renderObject } from "./results.ts";

const INVALID_PARAMS = -32602;

/** What came with one HTTP request: the caller, and the call if it asks for one. */
export interface Arrival extends Asker {
  readonly visit?: Visit;
  /** Set once the protocol layer handed the call over. */
  started?: boolean;
  /** Set when the call was performed already and only its answer is left to write. */
  outcome?: CallOutcome;
}

export interface ProtocolHost {
  readonly name: string;
  readonly version: string;
  readonly instructions: string | undefined;
  readonly hideUnauthorized: boolean;
  readonly catalogue: Catalogue;
  readonly services: CallServices;
  readonly stateCodec: RequestStateCodec;
  arrivalOf(auth: AuthInfo | undefined): Arrival | undefined;
  /** Set on a session server: remembers what the client wants to hear about. */
  readonly subscriptions?: Set<string>;
}

/** An SDK server over everything that `host` offers. */
export function protocolServer(host: ProtocolHost): Server {
  const has = (kind: Definition["kind"]) => host.catalogue.all(kind).length > 0;
  const server = new Server(
    { name: host.name, version: host.version },
    {
      capabilities: {
        logging: {},
        ...(has("tool") && { tools: { listChanged: false } }),
        ...(has("resource") && {
          resources: { listChanged: false, ...(host.subscriptions && { subscribe: true }) },
        }),
        ...(has("prompt") && { prompts: { listChanged: false } }),
        ...((has("prompt") || has("resource")) && { completions: {} }),
      },
      requestState: { verify: (state, context) => host.stateCodec.verify(state, context) },
      ...(host.instructions && { instructions: host.instructions }),
    },
  );

  const arrival = (context: ServerContext): Arrival => {
    const found = host.arrivalOf(context.http?.authInfo);
    if (!found) throw new ProtocolError(-32603, "this request came without a caller");
    return found;
  };
  const shown = (kind: Definition["kind"], context: ServerContext) => {
    const asker = arrival(context);
    const definitions = host.catalogue.all(kind);
    return host.hideUnauthorized ? visible(definitions, asker) : Promise.resolve(definitions);
  };
  /** Runs the call of this request. `undefined`: for this caller there is no such thing. */
  const call = async (
    context: ServerContext,
  ): Promise<
    { visit: Visit; definition: Definition; outcome: CallOutcome } | { visit: Visit; outcome?: undefined }
  > => {
    const found = arrival(context);
    const { visit } = found;
    if (!visit) throw new ProtocolError(-32603, "this request was not admitted");
    found.started = true;
    if (!visit.definition || (visit.closed && !found.outcome)) return { visit };
    const outcome =
      found.outcome ??
      (await performCall(host.services, visit, visit.definition, wireOf(host, server, context)));
    return { visit, definition: visit.definition, outcome };
  };

  if (has("tool")) {
    server.setRequestHandler("tools/list", async (_request, context) => ({
      tools: (await shown("tool", context)).map(listedTool),
    }));
    server.setRequestHandler("tools/call", async (_request, context) => {
      const { visit, outcome, ...rest } = await call(context);
      if (!outcome) return refusedTool(host, visit);
      if (outcome.kind === "input_required") return outcome.result;
      const result = toolResult(visit, outcome);
      const { definition } = rest as { definition: Definition };
      return outcome.kind === "done"
        ? server.projectCallToolResult(result, definition.outputJsonSchema)
        : result;
    });
  }
  if (has("resource")) {
    server.setRequestHandler("resources/list", async (_request, context) => ({
      resources: (await shown("resource", context)).filter((d) => !d.resource?.template).map(listedResource),
    }));
    server.setRequestHandler("resources/templates/list", async (_request, context) => ({
      resourceTemplates: (await shown("resource", context))
        .filter((d) => d.resource?.template)
        .map(listedTemplate),
    }));
    server.setRequestHandler("resources/read", async (request, context) => {
      const { outcome, visit } = await call(context);
      if (!outcome) throw new ResourceNotFoundError(request.params.uri, "Resource not found");
      if (outcome.kind === "input_required") return outcome.result;
      return resourceResult(visit, outcome);
    });
  }
  if (has("prompt")) {
    server.setRequestHandler("prompts/list", async (_request, context) => ({
      prompts: (await shown("prompt", context)).map(listedPrompt),
    }));
    server.setRequestHandler("prompts/get", async (_request, context) => {
      const { outcome, visit } = await call(context);
      if (!outcome) throw notFound(visit);
      if (outcome.kind === "input_required") return outcome.result;
      return promptResult(visit, outcome);
    });
  }
  if (has("prompt") || has("resource")) {
    server.setRequestHandler("completion/complete", async (_request, context) => {
      const { outcome, visit } = await call(context);
      if (!outcome) throw notFound(visit);
      const values = doneValue(visit, outcome) as readonly string[];
      return {
        completion: { values: values.slice(0, 100), total: values.length, hasMore: values.length > 100 },
      };
    });
  }
  const { subscriptions } = host;
  if (subscriptions && has("resource")) {
    server.setRequestHandler("resources/subscribe", async (request, context) => {
      const readable = await visible(host.catalogue.all("resource"), arrival(context));
      const uris = readable.map((d) => d.resource?.uri);
      if (!uris.includes(request.params.uri))
        throw new ResourceNotFoundError(request.params.uri, "Resource not found");
      if (subscriptions.size >= 100) throw new ProtocolError(INVALID_PARAMS, "too many subscriptions");
      subscriptions.add(request.params.uri);
      return {};
    });
    server.setRequestHandler("resources/unsubscribe", async (request, context) => {
      arrival(context);
      subscriptions.delete(request.params.uri);
      return {};
    });
  }
  return server;
}

function wireOf(host: ProtocolHost, server: Server, context: ServerContext): CallWire {
  const { mcpReq } = context;
  const token = mcpReq._meta?.progressToken;
  const related = { relatedRequestId: mcpReq.id, signal: mcpReq.signal };
  return {
    signal: mcpReq.signal,
    input: {
      responses: mcpReq.inputResponses,
      state: <T>() => mcpReq.requestState<T>(),
      seal: (state) => host.stateCodec.mint(state, context),
      capabilities: capabilitiesOf(server, context),
    },
    // On the stream of this very request: the client may not have opened its other one yet.
    legacy: {
      elicit: (params) => mcpReq.elicitInput(params as Parameters<typeof mcpReq.elicitInput>[0], related),
      sample: (params) =>
        mcpReq.requestSampling(params as Parameters<typeof mcpReq.requestSampling>[0], related),
    },
    progress: async (progress, total, message) => {
      if (token === undefined) return;
      await mcpReq.notify({
        method: "notifications/progress",
        params: {
          progressToken: token,
          progress,
          ...(total !== undefined && { total }),
          ...(message && { message }),
        },
      });
    },
    log: (level, message) => mcpReq.log(level as Parameters<typeof mcpReq.log>[0], message, host.name),
  };
}

function capabilitiesOf(server: Server, context: ServerContext): Readonly<Record<string, unknown>> {
  const envelope = context.mcpReq.envelope as Record<string, unknown> | undefined;
  return (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? server.getClientCapabilities() ?? {}) as Record<
    string,
    unknown
  >;
}

/** The one answer to unknown and forbidden. It holds nothing of what was asked for. */
function notFound(visit: Visit): ProtocolError {
  return new ProtocolError(INVALID_PARAMS, "not found", {
    code: "not_found",
    request_id: visit.requestId,
    ...(visit.closed?.entryId && { [META.entryId]: visit.closed.entryId }),
  });
}

function refusedTool(host: ProtocolHost, visit: Visit): CallToolResult {
  if (host.hideUnauthorized || !visit.denial) throw notFound(visit);
  const error = new DeputizeError("forbidden", `\`${visit.operation.target}\` ${visit.denial.text}`);
  return renderError(error, visit.requestId, metaOf(visit, visit.closed?.entryId));
}

function metaOf(visit: Visit, entryId: string | undefined): Record<string, unknown> {
  return { [META.requestId]: visit.requestId, ...(entryId && { [META.entryId]: entryId }) };
}

/** A tool's outcome as its result. */
export function toolResult(
  visit: Visit,
  outcome: Exclude<CallOutcome, { kind: "input_required" }>,
): CallToolResult {
  const meta = metaOf(visit, outcome.entryId);
  // What a refusal says is ours, so it taints nothing.
  if (outcome.kind === "error") {
    return renderError(outcome.error, visit.requestId, {
      ...meta,
      [META.label]: { ...outcome.label, integrity: "trusted" },
    });
  }
  const labelled = { ...meta, [META.label]: outcome.label };
  if (outcome.kind === "waiting") {
    return {
      content: [{ type: "text", text: `waiting for a person to approve: ${outcome.approval.summary}` }],
      structuredContent: { approval: outcome.approval },
      isError: false,
      _meta: { ...labelled, [META.approval]: outcome.approval },
    };
  }
  const { effect, versions, validUntil } = outcome.basis;
  const told = {
    ...labelled,
    [META.effect]: effect,
    ...(visit.definition?.holds && { [META.holds]: visit.definition.holds }),
    ...(versions && { [META.versions]: versions }),
    ...(validUntil !== undefined && { [META.validUntil]: validUntil }),
  };
  if (isContentResult(outcome.value)) {
    const { content, structuredContent, isError } = outcome.value as ContentResult;
    return {
      content,
      ...(structuredContent && { structuredContent }),
      ...(isError && { isError }),
      _meta: told,
    };
  }
  return renderObject(outcome.value as object, told);
}

/** The value of a finished read, or the protocol error that stands for its refusal. */
function doneValue(visit: Visit, outcome: CallOutcome): unknown {
  if (outcome.kind === "done") return outcome.value;
  const error =
    outcome.kind === "error" ? outcome.error : new DeputizeError("internal", "this cannot wait for input");
  throw new ProtocolError(error.status < 500 ? INVALID_PARAMS : -32603, error.message, {
    code: error.code,
    request_id: visit.requestId,
    ...(outcome.entryId && { [META.entryId]: outcome.entryId }),
  });
}

function resourceResult(visit: Visit, outcome: CallOutcome): ReadResourceResult {
  const content = doneValue(visit, outcome) as ResourceContent;
  const mimeType = visit.definition?.resource?.mimeType ?? "text/plain";
  return {
    contents: [{ uri: visit.operation.target, mimeType, ...content }],
    _meta: { ...metaOf(visit, outcome.entryId), [META.label]: outcome.label },
  };
}

function promptResult(visit: Visit, outcome: CallOutcome): GetPromptResult {
  const value = doneValue(visit, outcome) as string | PromptMessages;
  const messages =
    typeof value === "string"
      ? [{ role: "user" as const, content: { type: "text" as const, text: value } }]
      : value.messages;
  return {
    description: visit.definition?.description,
    messages: [...messages],
    _meta: { ...metaOf(visit, outcome.entryId), [META.label]: outcome.label },
  };
}

/** An answer that waits for approval has another shape than the declared one; clients check what they get. */
const WAITING_SCHEMA = {
  type: "object",
  properties: { approval: { type: "object" } },
  required: ["approval"],
} as const;

function listedTool(definition: Definition): Tool {
  const { outputJsonSchema: output, hints } = definition;
  const mayWait = mayAsk(definition);
  return {
    name: definition.name,
    ...(definition.title && { title: definition.title }),
    description: definition.description,
    inputSchema: definition.inputJsonSchema as Tool["inputSchema"],
    ...(output && {
      outputSchema: (mayWait
        ? { type: "object", anyOf: [output, WAITING_SCHEMA] }
        : output) as Tool["outputSchema"],
    }),
    annotations: {
      readOnlyHint: definition.effect === "read",
      destructiveHint: definition.effect === "sensitive",
      ...(hints.idempotent !== undefined && { idempotentHint: hints.idempotent }),
      openWorldHint: hints.openWorld ?? !["owner", "house"].includes(definition.sends as string),
    },
    ...listedMeta(definition),
  };
}

function listedResource(definition: Definition) {
  return { uri: definition.resource?.uri ?? "", ...listedCommon(definition) };
}

function listedTemplate(definition: Definition) {
  return { uriTemplate: definition.resource?.uri ?? "", ...listedCommon(definition) };
}

function listedCommon(definition: Definition) {
  return {
    name: definition.name,
    ...(definition.title && { title: definition.title }),
    description: definition.description,
    mimeType: definition.resource?.mimeType ?? "text/plain",
    ...listedTags(definition),
  };
}

/** A tool's, with who reads what it is given; a list of principals is told as no more than that there is one. */
function listedMeta({ tags, sends }: Definition) {
  const told = typeof sends === "string" ? sends : "by the call";
  const meta = {
    ...(tags.length > 0 && { [META.tags]: [...tags] }),
    ...(told !== "owner" && { [META.sends]: told }),
  };
  return Object.keys(meta).length > 0 ? { _meta: meta } : {};
}

/** The protocol has no member for them. */
function listedTags({ tags }: Definition) {
  return tags.length > 0 ? { _meta: { [META.tags]: [...tags] } } : {};
}

function listedPrompt(definition: Definition) {
  return {
    name: definition.name,
    ...(definition.title && { title: definition.title }),
    description: definition.description,
    arguments: [...(definition.promptArguments ?? [])],
    ...listedTags(definition),
  };
}
