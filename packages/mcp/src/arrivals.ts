/** Who stands behind what the SDK hands back to us: it knows a caller only by an object without a token. */
import { DeputizeError } from "@deputize/core";
import { type AuthInfo, createRequestStateCodec } from "@modelcontextprotocol/server";
import type { Arrival } from "./protocol.ts";

export class Arrivals {
  readonly #arrivals = new WeakMap<AuthInfo, Arrival>();

  of(auth: AuthInfo | undefined): Arrival | undefined {
    return auth && this.#arrivals.get(auth);
  }

  /** What the SDK is told of a caller. The token stays out: nothing behind this line may pass it on. */
  authInfoOf(arrival: Arrival): AuthInfo {
    const { caller } = arrival;
    const authInfo: AuthInfo = {
      token: "",
      clientId: caller.clientId,
      scopes: [...caller.scopes],
      ...(caller.token && { expiresAt: caller.token.expiresAt }),
    };
    this.#arrivals.set(authInfo, arrival);
    return authInfo;
  }

  /** Seals what a client keeps between two of its requests, for the same caller and the same operation only. */
  stateCodec(key: string | Uint8Array): ReturnType<typeof createRequestStateCodec> {
    return createRequestStateCodec({
      key,
      bind: (context) => {
        const visit = this.of(context.http?.authInfo)?.visit;
        if (!visit) throw new DeputizeError("unauthenticated", "state without a caller");
        const { caller, operation } = visit;
        return JSON.stringify([
          caller.tenant,
          caller.subject,
          caller.clientId,
          operation.method,
          operation.target,
        ]);
      },
    });
  }
}
