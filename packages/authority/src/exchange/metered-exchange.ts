/** An exchange that says how it went to whoever measures. Answers and errors are the exchange's own. */
import { telemetry } from "@deputize/core";
import type { Exchange } from "./exchange.ts";

export function meteredExchange(exchange: Exchange): Exchange {
  const counted = <T>(work: () => Promise<T>): Promise<T> =>
    telemetry.span("token.exchange", {}, async () => {
      try {
        const made = await work();
        telemetry.count("exchanges", { outcome: "success" });
        return made;
      } catch (error) {
        telemetry.count("exchanges", { outcome: "failure" });
        throw error;
      }
    });
  return {
    token: (subject, request) => counted(() => exchange.token(subject, request)),
    caller: (caller, request) => counted(() => exchange.caller(caller, request)),
  };
}
