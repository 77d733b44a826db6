/**
 * What happens at the end of an answer, and when an open stream must end before it.
 *
 * Guarantees: a stream ends when its token expires, and within about a second after the token is no longer
 * accepted (SR-26).
 */
import { type Clock } from "@deputize/core";

const CHECK_EVERY_MS = 1000;

function isStream(response: Response): boolean {
  return (
    response.body !== null && (response.headers.get("content-type") ?? "").startsWith("text/event-stream")
  );
}

/** Runs `work` once the answer is complete: before returning it, or after the last byte of a stream. */
export async function onEnd(response: Response, work: () => Promise<void>): Promise<Response> {
  if (!isStream(response)) {
    await work();
    return response;
  }
  return withEnd(response, () => void work().catch(() => undefined));
}

/** Aborts `life` when the token behind a stream is no longer good. */
export function endWith(
  response: Response,
  life: AbortController,
  token: {
    readonly clock: Clock;
    readonly expiresAt: number | undefined;
    readonly stillGood: () => Promise<void>;
  },
): Response {
  if (!isStream(response)) return response;
  const end = () => life.abort(new Error("the token behind this stream is no longer accepted"));
  const check = async () => {
    if (token.expiresAt !== undefined && token.expiresAt * 1000 <= token.clock.nowMs()) return end();
    await token.stillGood().catch(end);
  };
  const timer = setInterval(() => void check(), CHECK_EVERY_MS);
  timer.unref();
  return withEnd(response, () => clearInterval(timer), life.signal);
}

/** The same answer, telling when its body is done, cancelled or cut. */
function withEnd(response: Response, done: () => void, cut?: AbortSignal): Response {
  const source = (response.body as ReadableStream<Uint8Array>).getReader();
  let told = false;
  const tell = () => {
    if (!told) done();
    told = true;
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      cut?.addEventListener("abort", () => {
        tell();
        void source.cancel(cut.reason).catch(() => undefined);
        try {
          controller.close();
        } catch {
          // Already closed by its source.
        }
      });
    },
    async pull(controller) {
      const { done: ended, value } = await source
        .read()
        .catch(() => ({ done: true as const, value: undefined }));
      if (!ended) return controller.enqueue(value);
      tell();
      try {
        controller.close();
      } catch {
        // Cut meanwhile.
      }
    },
    async cancel(reason) {
      tell();
      await source.cancel(reason).catch(() => undefined);
    },
  });
  return new Response(body, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
}
