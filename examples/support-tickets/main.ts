/**
 * Support tickets: triage, knowledge and response, three agents with nine tools. Every agent is shown all nine; its
 * credential decides which of them work, and for which ticket, customer and order. The audit log runs alongside, live.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Agent, OperatorClient } from "deputize/client";
import { type DemoTool, askModel, modelInUse } from "../ask-model.ts";
import type { ExampleContext } from "../example.ts";

export const title = "demo: three support agents, nine tools, denials, the audit log live";
export const ceiling = [
  "read:tickets:*",
  "write:priority:*",
  "write:routing:*",
  "read:articles:*",
  "read:customers:*",
  "read:orders:*",
  "send:replies:*",
  "write:refunds:*",
];

interface SupportTool {
  /** `{name}` stands for the argument of that name. */
  readonly scope: string;
  readonly answer: string;
}

const TOOLS: Record<string, SupportTool> = {
  get_ticket: { scope: "read:tickets:{ticket}", answer: "order o-9 came broken, says c-88" },
  set_priority: { scope: "write:priority:{ticket}", answer: "priority is high" },
  route_ticket: { scope: "write:routing:{ticket}", answer: "routed to refunds" },
  search_articles: { scope: "read:articles:{topic}", answer: "broken goods: refund within 30 days" },
  get_customer: { scope: "read:customers:{customer}", answer: "Ada, customer for six years" },
  get_order: { scope: "read:orders:{order}", answer: "delivered four days ago, 39.00" },
  send_reply: { scope: "send:replies:{ticket}", answer: "sent" },
  refund_order: { scope: "write:refunds:{order}", answer: "39.00 refunded" },
  delete_account: { scope: "delete:accounts:{customer}", answer: "gone" },
};

/** What each agent holds, and what its model asks for: first its work, then what is none of its business. */
const AGENTS = [
  {
    name: "triage",
    scope: ["read:tickets:t-501", "write:priority:t-501", "write:routing:t-501"],
    calls: [
      { tool: "get_ticket", args: { ticket: "t-501" } },
      { tool: "set_priority", args: { ticket: "t-501" } },
      { tool: "route_ticket", args: { ticket: "t-501" } },
      { tool: "refund_order", args: { order: "o-9" } },
    ],
    says: "It is about a broken delivery; refunds should look at it.",
  },
  {
    name: "knowledge",
    scope: ["read:articles:*", "read:customers:c-88", "read:orders:o-9"],
    calls: [
      { tool: "search_articles", args: { topic: "broken goods" } },
      { tool: "get_customer", args: { customer: "c-88" } },
      { tool: "get_order", args: { order: "o-9" } },
      { tool: "get_customer", args: { customer: "c-99" } },
    ],
    says: "Within 30 days: a refund is due.",
  },
  {
    name: "response",
    scope: ["read:tickets:t-501", "send:replies:t-501", "write:refunds:o-9"],
    calls: [
      { tool: "refund_order", args: { order: "o-9" } },
      { tool: "send_reply", args: { ticket: "t-501" } },
      { tool: "send_reply", args: { ticket: "t-502" } },
      { tool: "delete_account", args: { customer: "c-88" } },
    ],
    says: "Refunded and answered.",
  },
] as const;

export async function run({ app, operator, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { pace: { type: "string", default: "0.5" } } });
  print(modelInUse());
  await using _log = await followLog(operator(), print);
  for (const { name, scope, calls, says } of AGENTS) {
    await using agent = await app.createAgent({ orchestration: "support-t-501", task: name, scope });
    await askModel({
      instructions: `You are the ${name} agent of a support team. Use the tools; be brief.`,
      prompt: "Handle ticket t-501.",
      tools: toolsOf(agent, Number(values.pace)),
      script: [{ calls }, { text: says }],
      say: (line) => print(`[${name}] ${line}`),
    });
  }
}

function toolsOf(agent: Agent, seconds: number): Record<string, DemoTool> {
  return Object.fromEntries(
    Object.entries(TOOLS).map(([name, { scope, answer }]) => {
      const argument = /\{(\w+)\}/.exec(scope)?.[1] ?? "";
      return [
        name,
        {
          description: name.replace("_", " "),
          args: [argument],
          async call(args) {
            agent.enforce(scope.replace(`{${argument}}`, () => args[argument] ?? ""));
            await sleep(seconds * 1000); // what such a tool would take
            return answer;
          },
        },
      ];
    }),
  );
}

/** Prints the events of this ticket as they come; at its end, what is left. */
async function followLog(operator: OperatorClient, print: ExampleContext["print"]): Promise<AsyncDisposable> {
  const newest = async () => (await operator.eventPage({ order: "newest", limit: 100 })).events;
  const seen = new Set((await newest()).map((event) => event.id));
  const show = async (): Promise<void> => {
    for (const event of (await newest()).toReversed()) {
      if (event.orch_id !== "support-t-501" || seen.has(event.id)) continue;
      seen.add(event.id);
      print(`    log: ${event.id} ${event.event_type} ${event.outcome ?? ""} ${event.task_id ?? ""}`);
    }
  };
  const stop = new AbortController();
  const following = (async () => {
    while (!stop.signal.aborted) {
      await show();
      await sleep(100, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
      await show();
    },
  };
}
