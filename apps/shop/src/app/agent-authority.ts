/**
 * How an agent of this process gets the token for its next hop: the authority exchanges the caller's grant.
 *
 * Guarantees: each hop has a token of its own: one audience, scopes cut to the agent's work, minutes of life, and the
 * agent as the current actor. The received token goes no further. An edge and the person's present permission
 * are asked for at each exchange [SR-10].
 */
import type { AgentAuthority } from "@deputize/agent";
import type { Exchange } from "@deputize/authority";
import { type Caller, type PrincipalId, isDeputizeError } from "@deputize/core";

export interface HopOptions {
  readonly exchange: Pick<Exchange, "caller">;
  readonly caller: Caller;
  /** Who exchanges: the one that the caller came to. */
  readonly exchanger: PrincipalId;
  /** Who will act; the exchanger unless told. */
  readonly actor?: PrincipalId;
  readonly scopes: readonly string[];
}

/** Long enough for one turn with an approval's second half; revocation does not wait for it. */
const HOP_SECONDS = 300;

/** The authority of one request: one exchange an audience, shared by the calls of the request. */
export function hopAuthority({ exchange, caller, exchanger, actor, scopes }: HopOptions): AgentAuthority {
  const tokens = new Map<string, Promise<string>>();
  return {
    tokenFor(audience) {
      const held = tokens.get(audience);
      if (held) return held;
      const request = {
        exchanger,
        audiences: [audience],
        scopes,
        lifetimeSeconds: HOP_SECONDS,
        ...(actor !== undefined && { actor }),
      };
      const token = exchange.caller(caller, request).then((signed) => signed.token);
      tokens.set(audience, token);
      // A refusal stands for the request, so that it is asked for, and logged, once. A fault may pass.
      token.catch((error: unknown) => {
        if (!isDeputizeError(error) || error.status >= 500) tokens.delete(audience);
      });
      return token;
    },
  };
}
