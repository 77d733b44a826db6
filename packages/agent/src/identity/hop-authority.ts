/**
 * How an agent of this process gets the token for its next hop: the authority exchanges the caller's grant.
 *
 * Guarantees: each hop has a token of its own: one audience, scopes cut to the agent's work, minutes of life, and the
 * agent as the current actor. The received token goes no further. An edge and the person's present permission
 * are asked for at each exchange [SR-10].
 */
import type { Exchange } from "@deputize/authority";
import { type Caller, type PrincipalId, isDeputizeError } from "@deputize/core";
import type { AgentAuthority } from "../tools/tool-source.ts";

export interface HopOptions {
  readonly exchange: Pick<Exchange, "caller">;
  readonly caller: Caller;
  /** Who exchanges: the one that the caller came to. */
  readonly exchanger: PrincipalId;
  /** Who will act; the exchanger unless told. */
  readonly actor?: PrincipalId;
  /** What the actor asks for; all that the caller may do unless set. */
  readonly scopes?: readonly string[] | undefined;
  /** How long each token lives; 300 seconds unless set. */
  readonly lifetimeSeconds?: number | undefined;
}

/** Long enough for one turn with an approval's second half; revocation does not wait for it. */
const HOP_SECONDS = 300;

/** The authority of one request: one exchange an audience, shared by the calls of the request; one more where a token was refused. */
export function hopAuthority(options: HopOptions): AgentAuthority {
  const { exchange, caller, exchanger, actor, scopes, lifetimeSeconds = HOP_SECONDS } = options;
  const tokens = new Map<string, Promise<string>>();
  return {
    tokenFor(audience, { fresh = false } = {}) {
      const held = tokens.get(audience);
      if (held && !fresh) return held;
      const request = {
        exchanger,
        audiences: [audience],
        lifetimeSeconds,
        ...(scopes && { scopes }),
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
