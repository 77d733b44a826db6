/**
 * A route of the broker protocol apart from any framework: programs call these all the time, so a server may answer them
 * from the socket. The framework serves the same objects.
 */
import type { BrokerCaller } from "../../broker/broker.ts";

export interface StraightRequest {
  /** The request's body. */
  readonly text: string;
  /** What stands behind the `?`. */
  readonly query: string;
  /** Where it comes from. */
  readonly source: string;
}

export interface StraightAnswer {
  readonly status: 200 | 201 | 204;
  /** JSON; empty with 204. */
  readonly body: string | Buffer<ArrayBuffer>;
}

interface Common {
  /** Takes a query. */
  readonly query?: boolean;
  /** Asked so often, and of so little consequence, that no line of the log tells of it. */
  readonly quiet?: boolean;
}

/** Throws as the route does. */
export type StraightRoute =
  | (Common & { readonly bearer?: undefined; answer(request: StraightRequest): Promise<StraightAnswer> })
  | (Common & {
      /** The scope that the caller's token holds; empty for any token that stands. */
      readonly bearer: string;
      answer(request: StraightRequest, caller: BrokerCaller): Promise<StraightAnswer>;
    });

export type StraightRoutes = ReadonlyMap<string, StraightRoute>;

export function okJson(value: unknown): StraightAnswer {
  return { status: 200, body: JSON.stringify(value) };
}
