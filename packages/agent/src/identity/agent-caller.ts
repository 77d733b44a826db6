/**
 * Who asks an agent, as a program hands it over: a token that nobody has verified yet, or a caller that is verified already.
 *
 * Guarantees: a presented token shows in no print, log or JSON of what carries it.
 */
import type { Caller } from "@deputize/core";
import type { AgentAuthority } from "../tools/tool-source.ts";

export interface CallerFacts {
  /** The person's own access token, for this agent's audience. */
  readonly bearerToken: string;
  /** Whom the program believes to serve. A token of somebody else is refused with `forbidden` [PR-D03]. */
  readonly userId?: string;
  /** Facts about the request for logs of one's own, such as its address. Nothing decides by them. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What came with a request, before anybody looked at it. Roles, scopes and tenant are the token's; there is no way to say them. */
export class PresentedCaller {
  readonly userId: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly #bearerToken: string;

  constructor({ bearerToken, userId, metadata = {} }: CallerFacts) {
    this.#bearerToken = bearerToken;
    this.userId = userId;
    this.metadata = Object.freeze({ ...metadata });
  }

  /** For whoever verifies it. */
  reveal(): string {
    return this.#bearerToken;
  }
}

/** A caller to hand to an agent. */
export function createCaller(facts: CallerFacts): PresentedCaller {
  return new PresentedCaller(facts);
}

/** A verified caller, and the way to tokens for its hops. */
export interface AgentCaller {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
}
