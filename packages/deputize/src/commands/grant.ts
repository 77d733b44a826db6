/** `deputize grant …`: who acts for whom, and ending it. */
import { Command, Option } from "commander";
import type { OperatorClient } from "@deputize/client";
import { z } from "zod";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { GrantAnswer, drawTree, limitsOf, stateOf, whoOf } from "../cli/grant-shape.ts";
import { wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

interface FilterOptions extends OperatorOptions {
  readonly subject?: string;
  readonly actor?: string;
  readonly app?: string;
  readonly task?: string;
  readonly state?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const Page = z.object({ grants: z.array(GrantAnswer), next: z.string().optional() });
const Around = z.looseObject({
  grant: GrantAnswer,
  tree: z.array(GrantAnswer),
  truncated: z.boolean().optional(),
});

function withFilter(command: Command): Command {
  return command
    .option("--subject <who>", "for whom: a principal's id, a SPIFFE id, app:<app-id>, or a person's address")
    .option("--actor <who>", "who acts, named likewise")
    .option("--app <who>", "through which app")
    .option("--task <task-id>", "on which task")
    .addOption(new Option("--state <state>", "all unless told").choices(["active", "expired", "revoked"]))
    .option("--limit <n>", "1 to 1000", wholeNumber(1, 1000), 100)
    .option("--cursor <cursor>", "`next` of the page before");
}

function ask(client: OperatorClient, options: FilterOptions): Promise<unknown> {
  const query = new URLSearchParams();
  for (const name of ["subject", "actor", "app", "task", "state", "limit", "cursor"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, String(value));
  }
  return client.request("GET", `/v1/admin/grants?${query.toString()}`);
}

const one = (id: string): string => `/v1/admin/grants/${encodeURIComponent(id)}`;

function sayMore(next: string | undefined): void {
  if (next !== undefined) print(`there are more: --cursor ${plain(next)}`);
}

function listCommand(): Command {
  const command = new Command("list")
    .description("grants, newest first")
    .addHelpText("after", "\nExample:\n  deputize grant list --actor app:app-shop-1a2b3c --state active");
  return withOperator(withFilter(command)).action(async (options: FilterOptions) => {
    const answer = await ask(await openOperator(options), options);
    if (options.json) {
      printJson(answer);
      return;
    }
    const page = readAnswer(Page, answer);
    printTable(
      ["GRANT", "WHO", "STATE", "TASK", "SCOPES"],
      page.grants.map((grant) => [
        grant.id,
        whoOf(grant),
        stateOf(grant),
        grant.task_id || "-",
        grant.scopes.join(" "),
      ]),
    );
    sayMore(page.next);
  });
}

function treeCommand(): Command {
  const command = new Command("tree")
    .description("draw the tree that a grant stands in; without one, the trees of all that the filter takes")
    .argument("[grant-id]")
    .addHelpText("after", "\nExample:\n  deputize grant tree --state active");
  return withOperator(withFilter(command)).action(async (id: string | undefined, options: FilterOptions) => {
    const client = await openOperator(options);
    const answer = id === undefined ? await ask(client, options) : await client.request("GET", one(id));
    if (options.json) {
      printJson(answer);
    } else if (id === undefined) {
      const page = readAnswer(Page, answer);
      // Oldest first: parents were made before their children.
      print(...(page.grants.length > 0 ? drawTree(page.grants.toReversed()) : ["no grants"]));
      sayMore(page.next);
    } else {
      const { tree, truncated } = readAnswer(Around, answer);
      print(...drawTree(tree, id));
      if (truncated) print("the tree is larger than what is shown");
    }
  });
}

function showCommand(): Command {
  const command = new Command("show")
    .description("one grant")
    .argument("<grant-id>")
    .addHelpText("after", "\nExample:\n  deputize grant show 0199f0c0-1111-7222-8333-444455556666");
  return withOperator(command).action(async (id: string, options: OperatorOptions) => {
    const { grant, tree } = readAnswer(Around, await (await openOperator(options)).request("GET", one(id)));
    if (options.json) {
      printJson(grant);
      return;
    }
    const facts: Record<string, string | undefined> = {
      who: whoOf(grant),
      state: stateOf(grant),
      kind: grant.kind,
      app: grant.app?.name,
      scopes: grant.scopes.join(" "),
      audiences: grant.audiences.join(" "),
      limits: limitsOf(grant.constraints).join("; "),
      task: grant.task_id,
      orchestration: grant.orch_id,
      made: grant.issued_at,
      expires: grant.expires_at,
      "renewable until": grant.renew_until,
      revoked: grant.revoked_at,
      parent: grant.parent ?? undefined,
      "grants below": String(tree.filter(({ parent }) => parent === id).length),
    };
    for (const [name, value] of Object.entries(facts)) {
      if (value) print(`${name.padEnd(16)} ${plain(value)}`);
    }
  });
}

function revokeCommand(): Command {
  const command = new Command("revoke")
    .description("end a grant and everything below it, at once")
    .argument("<grant-id>")
    .option("--reason <code>", "kept in the log, such as incident_42")
    .option("--dry-run", "only say what would end")
    .addHelpText(
      "after",
      "\nExample:\n  deputize grant revoke 0199f0c0-1111-7222-8333-444455556666 --dry-run",
    );
  return withOperator(command).action(
    async (id: string, options: OperatorOptions & { reason?: string; dryRun?: boolean }) => {
      const query = new URLSearchParams();
      if (options.dryRun) query.set("dry_run", "true");
      if (options.reason !== undefined) query.set("reason", options.reason);
      const answer = await (await openOperator(options)).request("DELETE", `${one(id)}?${query.toString()}`);
      if (options.json) {
        printJson(answer);
        return;
      }
      const { count, grants } = readAnswer(
        z.looseObject({ count: z.number(), grants: z.array(GrantAnswer).optional() }),
        answer,
      );
      if (grants) print(`would end: ${count}; nothing was changed`, ...drawTree(grants));
      else print(`ended: ${count}`);
    },
  );
}

export function grantCommand(): Command {
  return new Command("grant")
    .description("who acts for whom, with what, until when")
    .addCommand(listCommand())
    .addCommand(treeCommand())
    .addCommand(showCommand())
    .addCommand(revokeCommand());
}
