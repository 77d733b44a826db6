/** Reading what a server answered: its shape is checked before anything is shown or decided by it. */
import { TransportError } from "@deputize/client";
import type { z } from "zod";

/** Throws `TransportError` when the answer is not what this command knows. */
export function readAnswer<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new TransportError("the server's answer is not what this version of the command knows", parsed.error);
}
