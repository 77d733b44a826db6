/** `deputize guard`: what the guardrails find in texts, for programs and for measuring. */
import { open } from "node:fs/promises";
import { once } from "node:events";
import { Command } from "commander";
import { z } from "zod";
import { UsageError } from "../cli/usage-error.ts";
import { boundedLines } from "../cli/bounded-lines.ts";

const LINE = z.object({
  id: z.union([z.string(), z.number()]),
  text: z.string(),
  direction: z.enum(["input", "output", "tool_result"]).default("input"),
});
const LINE_BYTES_MAX = 16 * 1024 * 1024;

export function guardCommand(): Command {
  return new Command("guard").description("see what the guardrails find").addCommand(scanCommand());
}

function scanCommand(): Command {
  return new Command("scan")
    .description("scan texts: one JSON line in, one JSON line out")
    .argument(
      "[file]",
      "lines `{id, text, direction}`, the direction `input`, `output` or `tool_result`",
      "-",
    )
    .option("--jsonl", "JSON lines, which is what there is")
    .option("--allow-host <host...>", "where links and images of an output may lead; anywhere unless given")
    .addHelpText(
      "after",
      "\nEach line answers `{id, blocked, findings: [{type, start, end, score}], redacted}`. Places count code points, the end not\n" +
        "included. `redacted` hides every finding that has a place, whatever an agent would do about it. A line that cannot be\n" +
        "read is told on stderr and makes the exit code 1; the others are scanned all the same.\n\nExample:\n  deputize guard scan --jsonl texts.jsonl > findings.jsonl",
    )
    .action(async (file: string, { allowHost }: { allowHost?: readonly string[] }) => {
      const source = file === "-" ? process.stdin : await opened(file);
      const { codePoints, defaultScanner } = await import("@deputize/guardrails");
      const scanner = defaultScanner({
        canary: false,
        exfiltration: allowHost ? { allowHosts: allowHost } : true,
      });
      await scanner.warmup();
      for await (const { number, text: json } of boundedLines(source, LINE_BYTES_MAX)) {
        const line = parse(json);
        if (typeof line === "string") {
          process.stderr.write(`deputize: line ${number}: ${line}\n`);
          process.exitCode = 1;
          continue;
        }
        const { id, text, direction } = line;
        const scanned = await scanner.scan(text, direction);
        const place = codePoints(text);
        const findings = scanned.findings.map(({ type, start, end, score }) => ({
          type,
          start: place(start),
          end: place(end),
          score: Math.round(score * 1000) / 1000,
        }));
        const answer = { id, blocked: scanned.blocked, findings, redacted: scanned.masked() };
        if (!process.stdout.write(`${JSON.stringify(answer)}\n`)) await once(process.stdout, "drain");
      }
    });
}

async function opened(file: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    return (await open(file)).createReadStream();
  } catch {
    throw new UsageError("cannot read that file; name one, or give the lines on stdin");
  }
}

/** A line, or what is wrong with it. Nothing of it is repeated. */
function parse(json: string | undefined): z.infer<typeof LINE> | string {
  if (json === undefined) return `no UTF-8, or longer than ${LINE_BYTES_MAX} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return "no JSON";
  }
  const line = LINE.safeParse(value);
  if (line.success) return line.data;
  const [issue] = line.error.issues;
  return `\`${issue?.path.join(".") || "the line"}\` is missing or not as it should be`;
}
