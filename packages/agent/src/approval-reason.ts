/** Why a person is asked, as a tool server says it; `links` say of each argument where its value came from. Explains, and decides nothing. */
import { z } from "zod";

const line = (max: number) => z.string().min(1).max(max);

export const APPROVAL_REASONS = z
  .array(
    z.object({
      rule: line(64),
      says: line(1_000),
      links: z
        .array(
          z.object({
            argument: line(200),
            says: line(600),
            from: line(32),
            source: line(200).optional(),
            call: line(128).optional(),
            entry: line(128).optional(),
          }),
        )
        .max(200),
    }),
  )
  .max(8);

export type ApprovalReason = Readonly<z.infer<typeof APPROVAL_REASONS>[number]>;
