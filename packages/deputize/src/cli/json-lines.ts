/** JSON values, one a line, from a stream of any length: one line is held at a time, and a bad one is named by its number. */
import type { z } from "zod";
import { UsageError } from "./usage-error.ts";

const LINE_MAX = 1_048_576;

/** Each value, parsed by `shape`; blank lines are passed over. Throws `UsageError` that names the line and repeats nothing of it. */
export async function* jsonLines<T>(
  input: AsyncIterable<Buffer | string>,
  shape: z.ZodType<T>,
): AsyncGenerator<T> {
  let number = 0;
  for await (const line of linesOf(input)) {
    number += 1;
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new UsageError(`line ${number} is no JSON`);
    }
    const parsed = shape.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new UsageError(`line ${number}: ${issue?.path.join(".") || "it"}: ${issue?.message}`);
    }
    yield parsed.data;
  }
}

async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let number = 1;
  for await (const chunk of input) {
    const lines = (
      rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))
    ).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      number += 1;
      yield line;
    }
    if (rest.length > LINE_MAX) throw new UsageError(`line ${number} is longer than ${LINE_MAX} characters`);
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
