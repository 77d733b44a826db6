/**
 * Task files: what a customer asked for, and the calls that are right.
 *
 * Guarantees: whatever the file holds, the answer is a list of tasks or one sentence that says what is wrong with it.
 */
import { DeputizeError } from "@deputize/core";
import { z } from "zod";

const Action = z.looseObject({
  name: z.string().min(1),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

const Tasks = z.array(
  z.looseObject({
    id: z.union([z.string().min(1), z.number()]).transform(String),
    request: z.unknown().optional(),
    actions: z
      .array(Action)
      .nullish()
      .transform((actions) => actions ?? []),
  }),
);

export type Task = z.infer<typeof Tasks>[number];
export type Action = z.infer<typeof Action>;

/** Throws `validation_failed`. */
export function parseTasks(text: string): Task[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new DeputizeError("validation_failed", "this is no JSON");
  }
  const parsed = Tasks.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.length ? `task ${issue.path.join(".")}` : "the file";
    throw new DeputizeError("validation_failed", `${where}: ${issue?.message ?? "is malformed"}`);
  }
  return parsed.data;
}
