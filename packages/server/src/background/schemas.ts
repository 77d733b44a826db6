/** The bodies and answers of the routes for background work. Unknown fields are refused; everything is bounded. */
import { isUuid } from "@deputize/core";
import { z } from "zod";

const uuid = z.string().refine(isUuid);
const instant = z.iso.datetime();

export const BackgroundBody = z.strictObject({
  /** Of the person's own; says which agent works, and what it may do. */
  mandate_id: uuid,
  message: z.string().trim().min(1).max(8000),
  /** Asking again with the same id begins nothing new. */
  id: uuid.optional(),
  after: z.iso.datetime({ offset: true }).optional(),
  /** An hour to 90 days. */
  every_seconds: z.int().min(1).max(7_776_000).optional(),
});

/** What an agent can be let do while its person is away: of this a mandate is made. */
export const BackgroundOffer = z.strictObject({
  agent: uuid,
  name: z.string(),
  /** Where the agent itself goes for these tools. */
  audiences: z.array(z.url()),
  tools: z.array(
    z.strictObject({
      /** As a mandate names it: `server/tool`. */
      name: z.string(),
      title: z.string(),
      /** Whether each call waits for the person's own yes. */
      asks: z.boolean(),
      scopes: z.array(z.string()),
      /** Arguments that a person may bind it by, with what their values are. */
      bounds: z.array(z.strictObject({ argument: z.string(), of: z.enum(["orders"]) })),
    }),
  ),
});
export type BackgroundOffer = z.infer<typeof BackgroundOffer>;
export const BackgroundOffers = z.strictObject({ offers: z.array(BackgroundOffer) });

export const GiveMandateBody = z.strictObject({ mandate_id: uuid });

export const BackgroundRun = z.strictObject({
  id: uuid,
  agent: z.string(),
  mandate: uuid,
  message: z.string(),
  status: z.enum([
    "queued",
    "scheduled",
    "running",
    "waiting",
    "parked",
    "done",
    "failed",
    "stopped",
    "cancelled",
  ]),
  /** While it is parked: why, a code. */
  reason: z.string().optional(),
  /** While it waits: for the decision on this approval. */
  approval: z.string().optional(),
  conversation_id: uuid,
  run_id: uuid,
  created: instant,
  /** Of a schedule: when it is done again. */
  next: instant.optional(),
});
export type BackgroundRun = z.infer<typeof BackgroundRun>;

export const BackgroundList = z.strictObject({ runs: z.array(BackgroundRun) });
export const BackgroundRunRead = BackgroundRun.extend({
  /** Its conversation, oldest first, as in `GET /api/conversations/{id}`. */
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant"]), content: z.string() })),
});
