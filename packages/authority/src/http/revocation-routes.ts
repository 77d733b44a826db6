/**
 * What verifiers ask: the feed as JSON or as a stream, its place as a ping, and one token's standing.
 *
 * Guarantees: every JSON answer was read from the database after the question came (SR-11); streams are
 * bounded in number, in all and for one source, so that a stranger cannot take them from the verifiers, and a slow reader is disconnected rather than buffered for ever. The feed holds random
 * ids only, so it is public, like the key set.
 */
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { z } from "zod";
import { DeputizeError } from "@deputize/core";
import { type FeedDocument, parseInput, readJson } from "@deputize/client";
import type { Revocation } from "../revocation/revocation.ts";
import type { Tokens } from "../tokens/tokens.ts";

export const FeedQuery = z.strictObject({
  after: z.coerce.number().int().nonnegative().optional(),
  epoch: z.string().max(100).optional(),
});
export const PingQuery = z.strictObject({ nonce: z.string().max(100).optional() });
export const CheckBody = z.strictObject({ token: z.string().min(1).max(8192) });

const LIMITS = {
  /** Each stream holds a socket and a timer. */
  streams: 1_000,
  /** Those of one source: more than a machine has verifiers. Whoever is refused asks for JSON. */
  streamsOfSource: 100,
  /** How often a stream reads when nothing wakes it: a lost NOTIFY costs this much. */
  pollMs: 500,
} as const;

export function revocationRoutes(options: {
  readonly revocation: Revocation;
  readonly tokens: Tokens;
  readonly sourceOf: (c: Context) => string;
}): Hono {
  const { revocation, tokens, sourceOf } = options;
  const app = new Hono();
  let streams = 0;
  const ofSource = new Map<string, number>();

  /** Counts one stream in or out. */
  function count(source: string, by: 1 | -1): void {
    streams += by;
    const own = (ofSource.get(source) ?? 0) + by;
    if (own > 0) ofSource.set(source, own);
    else ofSource.delete(source);
  }

  app.get("/authority/revocations", async (c) => {
    const { after, epoch } = parseInput(FeedQuery, c.req.query());
    const place = after !== undefined && epoch !== undefined ? { position: after, epoch } : undefined;
    c.header("Cache-Control", "no-store");
    if (!(c.req.header("accept") ?? "").includes("text/event-stream"))
      return c.json(await revocation.read(place));

    const source = sourceOf(c);
    if (streams >= LIMITS.streams || (ofSource.get(source) ?? 0) >= LIMITS.streamsOfSource) {
      throw new DeputizeError("unavailable", "too many streams; ask for JSON", { retryAfterSeconds: 5 });
    }
    return streamSSE(c, async (stream) => {
      count(source, 1);
      let last: FeedDocument | undefined;
      let wake: () => void = () => {};
      const stop = revocation.follow(() => wake(), LIMITS.pollMs);
      stream.onAbort(() => wake());
      try {
        while (!stream.aborted && !stream.closed) {
          // Armed before reading, so that a change during the read is not missed.
          const changed = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const next = await revocation.read(last ?? place);
          const moved = last?.position !== next.position || last.epoch !== next.epoch;
          await stream.writeSSE({
            event: moved ? (next.from === null ? "snapshot" : "delta") : "ping",
            id: `${next.epoch}:${next.position}`,
            data: JSON.stringify(moved ? next : { epoch: next.epoch, position: next.position }),
          });
          last = next;
          await changed;
        }
      } finally {
        stop();
        count(source, -1);
      }
    });
  });

  app.get("/authority/revocations/ping", async (c) => {
    const { nonce } = parseInput(PingQuery, c.req.query());
    c.header("Cache-Control", "no-store");
    return c.json({ ...(await revocation.ping()), ...(nonce !== undefined && { nonce }) });
  });

  app.post("/authority/check", async (c) => {
    const { token } = await readJson(c, CheckBody, { maxBytes: 16_384 });
    c.header("Cache-Control", "no-store");
    return c.json({ active: (await tokens.stands(token)) !== undefined });
  });

  return app;
}
