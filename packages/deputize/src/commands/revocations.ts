/** `deputize revocations`: what is revoked and still matters. */
import { Command } from "commander";
import { z } from "zod";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

const Page = z.object({
  revocations: z.array(
    z.looseObject({
      kind: z.string(),
      target: z.string(),
      actor: z.string().optional(),
      reason: z.string().optional(),
      revoked_at: z.string().optional(),
      kept_until: z.string(),
    }),
  ),
  next: z.string().optional(),
});

export function revocationsCommand(): Command {
  const command = new Command("revocations")
    .description(
      "what is revoked and not yet forgotten, newest first: no token can be about the rest any more",
    )
    .option("--limit <n>", "1 to 1000", wholeNumber(1, 1000), 100)
    .option("--cursor <cursor>", "`next` of the page before", wholeNumber(0, 999_999_999_999))
    .addHelpText("after", "\nExample:\n  deputize revocations --limit 20");
  return withOperator(command).action(
    async (options: OperatorOptions & { limit: number; cursor?: number }) => {
      const query = new URLSearchParams({ limit: String(options.limit) });
      if (options.cursor !== undefined) query.set("cursor", String(options.cursor));
      const path = `/v1/admin/revocations?${query.toString()}`;
      const answer = await (await openOperator(options)).request("GET", path);
      if (options.json) {
        printJson(answer);
        return;
      }
      const page = readAnswer(Page, answer);
      printTable(
        ["KIND", "TARGET", "WHO", "WHY", "WHEN", "KEPT UNTIL"],
        page.revocations.map((one) => [
          one.kind,
          one.target,
          one.actor ?? "-",
          one.reason ?? "-",
          one.revoked_at ?? "-",
          one.kept_until,
        ]),
      );
      if (page.next !== undefined) print(`there are more: --cursor ${plain(page.next)}`);
    },
  );
}
