/** `deputize audit events` and `tail`: reading the log of a running server, or of a tool server out of its file. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import type { OperatorClient } from "@deputize/client";
import { systemClock } from "@deputize/core";
import { z } from "zod";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { moment, wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

const Event = z.looseObject({
  id: z.string().regex(/^evt-\d+$/),
  timestamp: z.string(),
  event_type: z.string(),
  agent_id: z.string().optional(),
  task_id: z.string().optional(),
  resource: z.string().optional(),
  outcome: z.string().optional(),
  reason: z.string().optional(),
  detail: z.string(),
});
type Event = z.infer<typeof Event>;
const Page = z.looseObject({
  events: z.array(Event),
  total: z.number(),
  limit: z.number(),
  next: z.union([z.string(), z.number()]).nullish(),
});

interface FilterOptions extends OperatorOptions {
  readonly agentId?: string;
  readonly taskId?: string;
  readonly eventType?: string;
  readonly outcome?: string;
  readonly since?: string;
  readonly until?: string;
  readonly file?: string[];
}

interface EventsOptions extends FilterOptions {
  readonly order: string;
  readonly limit: number;
  readonly offset?: number;
  readonly cursor?: number;
}

function withFilter(command: Command): Command {
  return command
    .option("--file <file...>", "the file of a tool server instead; several are pieces of one log, in order")
    .option("--agent-id <id>", "a SPIFFE id, app:<app-id>, admin, or a principal's id")
    .option("--task-id <id>")
    .option("--event-type <type>", "such as agent_registered or token_revoked")
    .addOption(new Option("--outcome <outcome>").choices(["success", "denied"]));
}

function withSince(command: Command): Command {
  return command.option(
    "--since <moment>",
    "RFC 3339, or a time ago such as 15m, 24h, 7d",
    moment(() => systemClock.nowMs()),
  );
}

interface PageWanted {
  readonly order: string;
  readonly limit: number;
  readonly offset?: number | undefined;
  readonly cursor?: number | undefined;
}

type Ask = (page: PageWanted) => Promise<unknown>;

/** Asks wherever the log is. */
async function openSource(options: FilterOptions): Promise<Ask> {
  const { file } = options;
  if (file !== undefined) {
    const { filePage } = await import("../cli/log-read.ts");
    return (page) => filePage(file, options, page);
  }
  const client = await openOperator(options);
  return (page) => askServer(client, options, page);
}

function askServer(client: OperatorClient, options: FilterOptions, page: PageWanted): Promise<unknown> {
  const query = new URLSearchParams();
  const pairs = {
    agent_id: options.agentId,
    task_id: options.taskId,
    event_type: options.eventType,
    outcome: options.outcome,
    since: options.since,
    until: options.until,
    ...page,
  };
  for (const [name, value] of Object.entries(pairs)) if (value !== undefined) query.set(name, String(value));
  return client.request("GET", `/v1/audit/events?${query.toString()}`);
}

function line(event: Event): string {
  const rest = [
    event.agent_id,
    event.resource,
    event.task_id && `task ${event.task_id}`,
    event.reason && `reason ${event.reason}`,
    event.detail,
  ];
  const said = rest.filter(Boolean).map(plain).join("  ");
  return `${plain(event.timestamp)}  ${event.id}  ${plain(event.event_type)}  ${plain(event.outcome ?? "-")}  ${said}`;
}

export function eventsCommand(): Command {
  const command = withSince(withFilter(new Command("events")))
    .description("one page of the log of a running server or in a file, newest first")
    .option(
      "--until <moment>",
      "up to, not including",
      moment(() => systemClock.nowMs()),
    )
    .addOption(new Option("--order <order>").choices(["newest", "oldest"]).default("newest"))
    .option("--limit <n>", "1 to 1000", wholeNumber(1, 1000), 100)
    .option("--offset <n>", "how many to leave out first", wholeNumber(0, 999_999_999))
    .option("--cursor <cursor>", "`next` of the page before", wholeNumber(0, 999_999_999_999))
    .addHelpText(
      "after",
      "\nExample:\n  deputize audit events --event-type token_revoked --since 24h\n  deputize audit events --file data/audit.jsonl --outcome denied",
    );
  return withOperator(command).action(async (options: EventsOptions) => {
    const { order, limit, offset, cursor } = options;
    const ask = await openSource(options);
    const answer = await ask({ order, limit, offset, cursor });
    if (options.json) {
      printJson(answer);
      return;
    }
    const page = readAnswer(Page, answer);
    print(...page.events.map(line));
    const more = page.next === undefined || page.next === null ? "" : `; more: --cursor ${plain(page.next)}`;
    print(`${page.events.length} of ${page.total}${more}`);
  });
}

/** The place in the log that an event's id names, as a cursor. */
function placeOf(event: Event): number {
  return Number(event.id.slice("evt-".length)) - 1;
}

export function tailCommand(): Command {
  const command = withSince(withFilter(new Command("tail")))
    .description(
      "the newest entries of a running server or in a file, oldest first; -f waits for more until interrupted",
    )
    .option("-n, --lines <n>", "how many, 0 to 1000", wholeNumber(0, 1000), 20)
    .option("-f, --follow", "go on with what comes; with --json one document a line")
    .addHelpText("after", "\nExample:\n  deputize audit tail -f --outcome denied");
  return withOperator(command).action(
    async (options: FilterOptions & { lines: number; follow?: boolean }) => {
      const ask = await openSource(options);
      const show = (events: readonly Event[]): void => {
        for (const event of events) {
          if (options.json) printJson(event);
          else print(line(event));
        }
      };
      // One entry is asked for in any case: where the log stands is where following begins.
      const newest = readAnswer(Page, await ask({ order: "newest", limit: Math.max(1, options.lines) }));
      show(options.lines === 0 ? [] : newest.events.toReversed());
      const first = newest.events[0];
      let cursor = first && placeOf(first);
      while (options.follow) {
        await sleep(1_000);
        for (let more = true; more;) {
          const page = readAnswer(Page, await ask({ order: "oldest", limit: 500, cursor }));
          show(page.events);
          const last = page.events.at(-1);
          if (last) cursor = placeOf(last);
          more = page.events.length === page.limit;
        }
      }
    },
  );
}
