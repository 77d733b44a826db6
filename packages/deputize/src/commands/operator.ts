/** `deputize operator …`: operators who hold some of the admin scopes, each with a secret of its own. */
import { Command } from "commander";
import { z } from "zod";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { type NewSecretOptions, checkOut, showSecret, withOut } from "../cli/new-secret.ts";
import { list, wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

const PATH = "/v1/admin/operators";

const Operator = z.looseObject({
  name: z.string(),
  scopes: z.array(z.string()),
  status: z.string(),
  created_at: z.string(),
});
const WithSecret = z.looseObject({ name: z.string(), secret: z.string() });

function addCommand(): Command {
  const command = new Command("add")
    .description("a new operator, who holds no more than you; its secret is shown once")
    .argument("<name>", "lower-case letters, digits and -")
    .requiredOption("--scopes <scopes...>", "such as admin:audit:*, apart by commas or blanks", list)
    .addHelpText(
      "after",
      "\nExample:\n  deputize operator add auditor --scopes 'admin:audit:*,admin:grants:*' --out auditor.json\n\nIts secret goes where the admin secret goes: DEPUTIZE_ADMIN_SECRET, or --secret-file.",
    );
  return withOperator(withOut(command)).action(
    async (name: string, options: OperatorOptions & NewSecretOptions & { scopes: string[] }) => {
      await checkOut(options);
      const client = await openOperator(options);
      const answer = await client.request("POST", PATH, { name, scopes: options.scopes });
      const made = readAnswer(Operator.extend({ secret: z.string() }), answer);
      await showSecret(
        made,
        "secret",
        [`operator ${plain(made.name)} may: ${plain(made.scopes.join(" "))}`],
        options,
      );
    },
  );
}

function listCommand(): Command {
  const command = new Command("list")
    .description("every operator besides that of the installation's own secret, removed ones too")
    .addHelpText("after", "\nExample:\n  deputize operator list --json");
  return withOperator(command).action(async (options: OperatorOptions) => {
    const answer = await (await openOperator(options)).request("GET", PATH);
    if (options.json) {
      printJson(answer);
      return;
    }
    const { operators } = readAnswer(z.looseObject({ operators: z.array(Operator) }), answer);
    printTable(
      ["OPERATOR", "STATUS", "SINCE", "SCOPES"],
      operators.map((one) => [one.name, one.status, one.created_at, one.scopes.join(" ")]),
    );
  });
}

function removeCommand(): Command {
  const command = new Command("remove")
    .description("end an operator, its secret and its tokens at once")
    .argument("<name>")
    .addHelpText("after", "\nExample:\n  deputize operator remove auditor");
  return withOperator(command).action(async (name: string, options: OperatorOptions) => {
    const answer = await (
      await openOperator(options)
    ).request("DELETE", `${PATH}/${encodeURIComponent(name)}`);
    if (options.json) printJson(answer);
    else print(`${plain(readAnswer(Operator, answer).name)} is removed; its tokens have ended`);
  });
}

function rotateCommand(): Command {
  const command = new Command("rotate")
    .description(
      "a new secret, shown once; the one before works on for a while, or with --overlap 0 dies with its tokens",
    )
    .argument("<name>")
    .option("--overlap <seconds>", "how long; 3600 unless told", wholeNumber(0, 86_400), 3_600)
    .addHelpText("after", "\nExample:\n  deputize operator rotate auditor --out auditor.json");
  return withOperator(withOut(command)).action(
    async (name: string, options: OperatorOptions & NewSecretOptions & { overlap: number }) => {
      await checkOut(options);
      const client = await openOperator(options);
      const answer = await client.request("POST", `${PATH}/${encodeURIComponent(name)}/secret`, {
        overlap_seconds: options.overlap,
      });
      await showSecret(
        readAnswer(WithSecret, answer),
        "secret",
        [`${plain(name)} has a new secret; the one before works for ${options.overlap} s more`],
        options,
      );
    },
  );
}

export function operatorCommand(): Command {
  return new Command("operator")
    .description("operators with some of the admin scopes")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand())
    .addCommand(rotateCommand());
}
