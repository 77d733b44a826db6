/** `deputize keys …`: the keys that sign tokens. */
import { Command } from "commander";
import { z } from "zod";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

const Key = z.looseObject({
  kid: z.string(),
  state: z.enum(["next", "active", "retired"]),
  created_at: z.string(),
  activates_at: z.string().optional(),
  retired_at: z.string().optional(),
  published_until: z.string().optional(),
});

function listCommand(): Command {
  const command = new Command("list")
    .description(
      "the published keys: the next one, the one that signs, and those whose tokens may still live",
    )
    .addHelpText("after", "\nExample:\n  deputize keys list");
  return withOperator(command).action(async (options: OperatorOptions) => {
    const answer = await (await openOperator(options)).request("GET", "/v1/admin/keys");
    if (options.json) {
      printJson(answer);
      return;
    }
    printTable(
      ["KEY", "STATE", "MADE", "SIGNS FROM", "PUBLISHED UNTIL"],
      readAnswer(z.object({ keys: z.array(Key) }), answer).keys.map((key) => [
        key.kid,
        key.state,
        key.created_at,
        key.activates_at ?? "-",
        key.published_until ?? "-",
      ]),
    );
  });
}

function rotateCommand(): Command {
  const command = new Command("rotate")
    .description(
      "make a new signing key: kept in the secrets file, then published, then signing; tokens of the old one stay good until they expire",
    )
    .option(
      "--after <seconds>",
      "how long it is published before it signs; 75 unless told: then every cache knows it. 0 signs at once",
      wholeNumber(0, 86_400),
      75,
    )
    .addHelpText("after", "\nExample:\n  deputize keys rotate");
  return withOperator(command).action(async (options: OperatorOptions & { after: number }) => {
    const client = await openOperator(options);
    const answer = await client.request("POST", "/v1/admin/keys/rotate", { after_seconds: options.after });
    if (options.json) {
      printJson(answer);
      return;
    }
    const key = readAnswer(Key, answer);
    print(
      key.state === "active"
        ? `${plain(key.kid)} signs from now on`
        : `${plain(key.kid)} is published and signs from ${plain(key.activates_at)}`,
    );
  });
}

export function keysCommand(): Command {
  return new Command("keys")
    .description("the keys that sign tokens")
    .addCommand(listCommand())
    .addCommand(rotateCommand());
}
