/** What the operator's routes beyond the broker protocol take, one schema a route. Unknown members are refused everywhere. */
import { z } from "zod";
import { GRANT_STATES } from "../../grants/grant-tree.ts";

const Name = z.string().min(1).max(2048);
const Limit = z
  .string()
  .regex(/^\d{1,6}$/)
  .transform(Number)
  .pipe(z.int().min(1).max(1000));

export const GrantsQuery = z.strictObject({
  /** A principal's id, a SPIFFE id, `app:<app_id>`, or a person's address. */
  subject: Name.optional(),
  actor: Name.optional(),
  app: Name.optional(),
  task: Name.optional(),
  state: z.enum(GRANT_STATES).optional(),
  /** `next` of the page before. */
  cursor: Name.optional(),
  /** 100 unless told. */
  limit: Limit.optional(),
});

export const EndGrantQuery = z.strictObject({
  /** Says what would end, and ends nothing. */
  dry_run: z.enum(["true", "false"]).optional(),
  /** A code that the log keeps; `operator` unless told. */
  reason: z
    .string()
    .regex(/^[a-z][a-z0-9_.]{0,63}$/)
    .optional(),
});

export const RotateKeyBody = z.strictObject({
  /** How long the new key is published before it signs. 75 unless told: then every cache of the key set knows it. */
  after_seconds: z.int().min(0).max(86_400).default(75),
});

export const RevocationsQuery = z.strictObject({
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .optional(),
  limit: Limit.optional(),
});
