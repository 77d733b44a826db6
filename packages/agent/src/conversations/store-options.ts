import { DeputizeError } from "@deputize/core";
import { z } from "zod";

/** The options of a store, parsed where it is made. Throws `config_invalid` that names what is wrong, not what was given. */
export function storeOptions<S extends z.ZodType>(schema: S, options: z.input<S>): z.output<S> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "options"}: ${message}`);
  throw new DeputizeError("config_invalid", `these options cannot work: ${wrong.join("; ")}`);
}
