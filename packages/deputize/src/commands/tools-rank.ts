/** `deputize tools rank`: which tools of a catalogue each request is about, by the ranking that agents choose their tools with. */
import { readFileSync, statSync } from "node:fs";
import { Command } from "commander";
import { z } from "zod";
import { jsonLines } from "../cli/json-lines.ts";
import { wholeNumber } from "../cli/parse.ts";
import { UsageError } from "../cli/usage-error.ts";

interface RankOptions {
  readonly catalog: string;
  readonly k: number;
}

const FILE_MAX = 64 * 1024 * 1024;
const TOOLS_MAX = 10_000;
const BATCH = 32;

/** Other members are passed over. */
const CATALOGUE = z
  .array(
    z.object({
      name: z.string().min(1).max(256),
      description: z.string().max(65_536).default(""),
      inputSchema: z.unknown().optional(),
      input_schema: z.unknown().optional(),
      parameters: z.unknown().optional(),
    }),
  )
  .min(1)
  .max(TOOLS_MAX);

const REQUEST = z.object({
  id: z.union([z.string().max(1_024), z.number()]),
  query: z.string().max(65_536),
});

export function rankCommand(): Command {
  return new Command("rank")
    .description("rank a catalogue's tools for each request on stdin, by words and meaning, offline")
    .requiredOption(
      "--catalog <file>",
      "a JSON array of { name, description }; argument schemas count where they stand",
    )
    .option("--k <n>", "how many tools a request gets", wholeNumber(1, TOOLS_MAX), 8)
    .addHelpText(
      "after",
      `
Reads lines of {"id","query"} and writes a line of {"id","tools"} for each: names, the best first.
DEPUTIZE_EMBEDDER names another embedder. Exit codes: 0 all lines were ranked; 2 a line or the catalogue cannot be read.

Example:
  echo '{"id":"1","query":"where is my parcel?"}' | deputize tools rank --catalog tools.json --k 8`,
    )
    .action(rank);
}

async function rank({ catalog, k }: RankOptions): Promise<void> {
  const tools = readCatalogue(catalog);
  const { sentenceEmbedder, toolRanker } = await import("@deputize/agent/choice");
  const embedder = process.env["DEPUTIZE_EMBEDDER"]
    ? (await import("@deputize/agent")).resolveEmbedder(process.env)
    : sentenceEmbedder();
  let told = false;
  const ranker = toolRanker({
    embedder,
    onFault: (error) => {
      if (!told) process.stderr.write(`ranked by words alone: ${(error as Error).message}\n`);
      told = true;
    },
  });
  const answer = async (requests: readonly z.infer<typeof REQUEST>[]): Promise<void> => {
    const ranked = await ranker.rank(
      tools,
      requests.map(({ query }) => query),
      k,
    );
    const lines = requests.map(({ id }, at) =>
      JSON.stringify({ id, tools: ranked[at]?.map(({ name }) => name) }),
    );
    if (!process.stdout.write(`${lines.join("\n")}\n`))
      await new Promise((resolve) => process.stdout.once("drain", resolve));
  };
  let batch: z.infer<typeof REQUEST>[] = [];
  try {
    for await (const request of jsonLines(process.stdin, REQUEST)) {
      batch.push(request);
      if (batch.length < BATCH) continue;
      const full = batch;
      batch = [];
      await answer(full);
    }
  } finally {
    // What stands before a line that cannot be read is answered too.
    if (batch.length > 0) await answer(batch);
  }
}

function readCatalogue(file: string) {
  let text: string;
  try {
    if (statSync(file).size > FILE_MAX) throw new UsageError(`${file} is larger than ${FILE_MAX} bytes`);
    // Some editors begin a file with a mark.
    text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${file} is no JSON; it holds an array of { name, description }`);
  }
  const parsed = CATALOGUE.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(`${file}: ${issue?.path.join(".") || "it"}: ${issue?.message}`);
  }
  const tools = parsed.data.map(({ name, description, inputSchema, input_schema, parameters }) => ({
    name,
    description,
    inputSchema: inputSchema ?? input_schema ?? parameters,
  }));
  const twice = tools.find(({ name }, at) => tools.findIndex((one) => one.name === name) !== at);
  if (twice) throw new UsageError(`${file}: two tools are called ${twice.name}`);
  return tools;
}
