/** Records to a function of one's own. */
import type { ObservedEvent, Transporter } from "../transporter.ts";

/** Calls `handle` for each record, one after the other. Runs outside of the turn and of its caller's context. */
export function callbackTransport(handle: (event: ObservedEvent) => void | Promise<void>): Transporter {
  return {
    name: "callback",
    async send(events, signal) {
      for (const event of events) {
        signal.throwIfAborted();
        await handle(event);
      }
    },
  };
}
