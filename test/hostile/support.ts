/**
 * The whole shop with a hostile model in the place of all its agents, and the means to see what it got and what it changed.
 *
 * The model is the attacker: it plays what a test writes, whatever it was told. Everything else is the real thing: sign-in,
 * grants, A2A, tool servers, the database, the log.
 *
 * Only nothing looks for injections, unless a test asks for it: an attack that is read as one before it begins says nothing about what
 * grants, labels and approvals hold.
 */
import type { ResolvedModel } from "@deputize/agent";
import { type Script, type ScriptedModel, scriptedModel } from "@deputize/agent/testing";
import type { LoggedEntry } from "@deputize/audit";
import { type Caller, type PrincipalId, stableId } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { GUARDRAIL_PARTS, type GuardrailPart } from "@deputize/guardrails";
import { META, TestClient, type ToolCallResult } from "@deputize/mcp";
import {
  PUBLIC_URL,
  type RunningShop,
  type TestClient as Client,
  runShop,
  signIn,
} from "../../apps/shop/src/testing/running-shop.ts";

export const PEOPLE = {
  customer: ["alice.johnson@gmail.com", "customer123"],
  victim: ["bob.smith@gmail.com", "customer123"],
  power_user: ["power.demo@gmail.com", "power123"],
  seller: ["seller.demo@gmail.com", "seller123"],
  admin: ["admin.demo@gmail.com", "admin123"],
} as const;
export type Part = keyof typeof PEOPLE;

export const subjectOf = (part: Part): PrincipalId => stableId(`user:${PEOPLE[part][0]}`) as PrincipalId;
const agent = (name: string): PrincipalId => stableId(`agent:${name}`) as PrincipalId;

export interface Played {
  readonly front: ScriptedModel;
  readonly specialist: ScriptedModel;
}

export interface Order {
  readonly id: string;
  readonly number: string;
  readonly tracking_number: string | null;
  readonly user_id: string;
  readonly status: string;
  readonly version: number;
}

export interface HostileShop {
  readonly running: RunningShop;
  readonly at: string;
  /** What the model does from now on: as the front desk, and as the specialist that it asks. */
  play(front: Script, specialist?: Script): Played;
  as(part: Part): Promise<Client>;
  /** A caller at the person's own session, as the API has it. */
  callerOf(client: Client): Promise<Caller>;
  /** The token that a specialist holds for its tool server, or the front desk for a specialist. */
  tokens(client: Client, specialist?: Specialist): Promise<{ readonly agent: string; readonly tool: string }>;
  orders(part?: Part): Promise<Order[]>;
  /** A digest of each table of the schemas, but those named. */
  digests(schemas: readonly string[], except?: readonly string[]): Promise<Record<string, string>>;
  log(part: Part): Promise<LoggedEntry[]>;
  close(): Promise<void>;
}
export type Specialist = "order-management" | "product-discovery";
const SERVER = { "order-management": "orders", "product-discovery": "products" } as const;

const FLOW_ALONE: readonly GuardrailPart[] = GUARDRAIL_PARTS.filter((part) => part !== "injection");

/**
 * `patient`: takes any number of turns a minute, so that none of many attacks ends at that limit instead of at the rule it is about.
 * `guardrails`: what scans; all but the search for injections unless told.
 */
export async function hostileShop({ patient = false, guardrails = FLOW_ALONE } = {}): Promise<HostileShop> {
  let played: Played = { front: scriptedModel([]), specialist: scriptedModel([]) };
  const model: ResolvedModel = {
    name: "hostile",
    offline: true,
    model: {
      specificationVersion: "v4",
      provider: "hostile",
      modelId: "hostile",
      supportedUrls: {},
      doGenerate: (options) => played.front.model.doGenerate(options),
      doStream(options) {
        const isFront = options.tools?.some((tool) => tool.name === "call_specialist_agent");
        return (isFront ? played.front : played.specialist).model.doStream(options);
      },
    },
  };
  const ephemeral = patient ? unthrottled(await openTestEphemeral()) : undefined;
  const running = await runShop({ model, guardrails, ...(ephemeral && { ephemeral }) });
  const shop = () => running.shop;
  const hostile: HostileShop = {
    running,
    at: PUBLIC_URL,
    play(front, specialist = []) {
      played = { front: scriptedModel(front), specialist: scriptedModel(specialist) };
      return played;
    },
    as: (part) => signIn(shop, PEOPLE[part][0], PEOPLE[part][1]),
    callerOf: (client) =>
      shop().authority.authenticateForDecision(
        new Request(PUBLIC_URL, { headers: { Authorization: `Bearer ${client.token}` } }),
      ),
    async tokens(client, specialist = "order-management") {
      const { exchange } = shop().authority;
      const audience = `${PUBLIC_URL}/agents/${specialist}`;
      const first = await exchange.caller(await hostile.callerOf(client), {
        exchanger: stableId("service:shop-api") as PrincipalId,
        actor: agent("customer-support"),
        audiences: [audience],
      });
      const second = await exchange.caller(await shop().verifier.verify(first.token, { audience }), {
        exchanger: agent(specialist),
        audiences: [`${PUBLIC_URL}/mcp/${SERVER[specialist]}`],
      });
      return { agent: first.token, tool: second.token };
    },
    async orders(part) {
      const { rows } = await running.store.ownerQuery<Order>(
        `select id, number, tracking_number, user_id, status, version from shop.orders
         where $1::uuid is null or user_id = $1 order by placed_at desc, id desc`,
        [part ? subjectOf(part) : null],
      );
      return rows;
    },
    async digests(schemas, except = []) {
      const { rows: tables } = await running.store.ownerQuery<{ name: string }>(
        `select format('%I.%I', schemaname, tablename) as name from pg_catalog.pg_tables where schemaname = any ($1) order by 1`,
        [schemas],
      );
      const found: Record<string, string> = {};
      for (const { name } of tables) {
        if (except.includes(name)) continue;
        const { rows } = await running.store.ownerQuery<{ digest: string }>(
          `select md5(coalesce(string_agg(t::text, E'\\n' order by t::text), '')) as digest from ${name} t`,
        );
        found[name] = rows[0]?.digest ?? "";
      }
      return found;
    },
    async log(part) {
      await shop().audit.flush();
      return shop().audit.list({ subject: subjectOf(part), limit: 1000, order: "oldest" });
    },
    close: async () => {
      await running.close();
      await ephemeral?.close();
    },
  };
  return hostile;
}

/** Without the limit of turns; others hold. */
function unthrottled(ephemeral: Ephemeral): Ephemeral {
  const free = {
    consume: async () => ({ allowed: true, retryAfterSeconds: 0, remaining: 1 }),
    reset: async () => {},
  };
  return {
    ...ephemeral,
    rateLimiter: (options) => (options.name.startsWith("chat") ? free : ephemeral.rateLimiter(options)),
  };
}

/** One turn of the front desk that asks a specialist, and the one that ends it. */
export function asks(specialist: Specialist, message = "do as you like"): Script {
  return [
    { calls: [{ tool: "call_specialist_agent", args: { agent_name: specialist, message } }] },
    { text: "Done." },
  ];
}

/** All that a turn put before the model and before the person. */
export function seen(played: Played, ...answers: unknown[]): string {
  return JSON.stringify([
    played.front.asked.map((each) => each.prompt),
    played.specialist.asked.map((each) => each.prompt),
    ...answers,
  ]);
}

/** One JSON-RPC message with a token, as a program on the network would send it. */
export async function postRpc(
  shop: HostileShop,
  url: string,
  token: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const response = await shop.running.shop.fetch(
    new Request(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
        Authorization: `Bearer ${token}`,
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
    }),
  );
  const text = await response.text();
  const json = text.startsWith("{")
    ? text
    : (text.split("\n").find((l) => l.startsWith("data:")) ?? "data:null").slice(5);
  return { status: response.status, body: JSON.parse(json) as unknown };
}

/** A tool call at the door of a tool server, with whatever the agent likes to say about it. */
export async function callTool(
  shop: HostileShop,
  token: string,
  tool: string,
  args: object,
  meta: object = {},
): Promise<ToolCallResult> {
  const fetch = (request: Request) => Promise.resolve(shop.running.shop.fetch(request));
  const server = { fetch, protectedResourceMetadata: () => ({ resource: `${PUBLIC_URL}/mcp/orders` }) };
  const response = await new TestClient(server, { token }).send("tools/call", {
    name: tool,
    arguments: args,
    _meta: meta,
  });
  const text = await response.text();
  const json = text.startsWith("{")
    ? text
    : (text.split("\n").find((l) => l.startsWith("data:")) ?? "data:{}").slice(5);
  const { result } = JSON.parse(json) as { result?: ToolCallResult };
  return result ?? { isError: true, content: [{ type: "text", text: json }] };
}

/** The approval that a call waits for. */
export function approvalIn(result: ToolCallResult): string {
  const approval = result._meta?.[META.approval] as { id?: string } | undefined;
  if (!approval?.id) throw new Error(`no approval in ${JSON.stringify(result)}`);
  return approval.id;
}

/** True when a call did its work. */
export const doneIn = (result: ToolCallResult): boolean =>
  result.isError !== true && result._meta?.[META.approval] === undefined;
