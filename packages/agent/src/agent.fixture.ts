/** For this room's tests: a store, callers, an audit log that is a list, and tools that answer from a table. */
import type { AuditEvent } from "@deputize/audit";
import { type Caller, newId, parsePrincipalId, stableId } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import type { Agent, AgentOptions } from "./agent-types.ts";
import { createAgent } from "./create-agent.ts";
import type { Approval, TurnEvent } from "./events.ts";
import type { ConversationStore } from "./conversations/conversation-store.ts";
import { agentMigrations } from "./conversations/migrations.ts";
import { PostgresConversationStore } from "./conversations/postgres-store.ts";
import type { AgentAuthority, ToolCall, ToolContext, ToolOutcome, ToolSource } from "./tools/tool-source.ts";
import type { TextGuard } from "./turn/ports.ts";

export function callerOf(name: string, extra: Partial<Caller> = {}): Caller {
  return {
    tenant: "default",
    subject: parsePrincipalId(stableId(`user:${name}`)),
    subjectKind: "user",
    actors: [],
    roles: ["customer"],
    scopes: [],
    grants: [],
    clientId: "test",
    ...extra,
  };
}

export const alice = callerOf("alice");
export const bob = callerOf("bob");

export const authority: AgentAuthority = { tokenFor: async (audience) => `token for ${audience}` };

/** The part of a guard that reads what tools are told and answer, and finds nothing. */
export const passesTools: Pick<TextGuard, "toolResult" | "toolArguments"> = {
  toolResult: async (content) => ({ content }),
  toolArguments: async () => undefined,
};

export const openAgentStore = (): Promise<TestStore> => openTestStore([agentMigrations]);

export interface AuditList {
  readonly events: AuditEvent[];
  append(event: AuditEvent): Promise<string>;
}

export function auditList(): AuditList {
  const events: AuditEvent[] = [];
  return {
    events,
    append: async (event) => {
      events.push(event);
      return newId();
    },
  };
}

export const trusted: Label = { integrity: "trusted", readers: [alice.subject], source: "shop/orders" };

export type Handler = (
  call: ToolCall,
  context: ToolContext,
) => Partial<ToolOutcome> | Promise<Partial<ToolOutcome>>;

export interface TableTools extends ToolSource {
  readonly calls: { readonly call: ToolCall; readonly label: Label; readonly subject: string }[];
}

/** A tool source from a table of handlers; it keeps what it was called with. */
export function tableTools(handlers: Readonly<Record<string, Handler>>): TableTools {
  const calls: TableTools["calls"] = [];
  return {
    name: "table",
    calls,
    list: async () =>
      Object.keys(handlers).map((name) => ({
        name,
        description: name.replaceAll("_", " "),
        inputSchema: { type: "object", properties: {} },
      })),
    async call(call, context) {
      calls.push({ call, label: context.label, subject: context.caller.subject });
      const outcome = await handlers[call.tool]?.(call, context);
      return { status: "done", content: {}, label: trusted, cards: [], ...outcome };
    },
  };
}

export function approvalFor(call: ToolCall, summary = "Cancel order ORD-1, $10.00 back to you"): Approval {
  return {
    id: newId(),
    tool: call.tool,
    agent: "order-management",
    summary,
    arguments: Object.entries(call.args).map(([name, value]) => ({
      name,
      value,
      source: call.argumentSources[name] ?? "other",
    })),
    amount: 1_000,
    status: "pending",
    expires: new Date(Date.UTC(2027, 0)).toISOString(),
    created: new Date(Date.UTC(2026, 0)).toISOString(),
  };
}

/** A tool that asks first and then does it once for each approval. */
export function cancelTool(): TableTools & { readonly effects: string[]; approval: Approval | undefined } {
  const effects: string[] = [];
  const tools = tableTools({
    cancel_order(call, context) {
      if (call.approval?.decision === "refuse")
        return { status: "refused", content: { error: "the person said no" } };
      if (!call.approval) {
        source.approval = approvalFor(call);
        return { status: "waiting", approval: source.approval, entryId: "asked" };
      }
      if (call.approval.id !== source.approval?.id)
        return { status: "refused", content: { error: "no such approval" } };
      effects.push(`${context.caller.subject} ${String(call.args["order_id"])}`);
      return { content: { cancelled: true }, entryId: "done" };
    },
  });
  const source = Object.assign(tools, { effects, approval: undefined as Approval | undefined });
  return source;
}

/** An agent over a test's database, or over any other store of conversations. */
export function makeAgent(
  store: TestStore | ConversationStore,
  model: AgentOptions["model"],
  sources: readonly ToolSource[] = [],
  extra: Partial<AgentOptions> = {},
): Agent {
  return createAgent({
    name: "order-management",
    description: "Orders.",
    model,
    instructions: "Help with orders.",
    toolSources: sources,
    conversations: "open" in store ? store : new PostgresConversationStore(store),
    audit: auditList(),
    ...extra,
  });
}

export async function collect(events: AsyncIterable<TurnEvent>): Promise<TurnEvent[]> {
  const all: TurnEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export type EventData<K extends TurnEvent["event"]> = Extract<TurnEvent, { readonly event: K }>["data"];

/** What the events of one kind say. */
export function ofKind<K extends TurnEvent["event"]>(events: readonly TurnEvent[], kind: K): EventData<K>[] {
  return events.filter((event) => event.event === kind).map((event) => event.data as EventData<K>);
}
