/**
 * What an agent is to its callers and to the servers that it uses: it verifies the token that a request brought, and gets the
 * tokens that its own requests carry.
 *
 * Guarantees: a caller is made of a verified token and of nothing that stands beside it [PR-D03]. The token that came in goes
 * to no other audience: each server gets one that the authority made for it, for this person and with this agent as the actor
 * [PR-D04]; where there is no authority to ask, a server is reached only if the token names it itself.
 */
import { type VerifierOptions, DeputizeClient, createVerifier } from "@deputize/client";
import { type Caller, type Clock, DeputizeError, nowSeconds, systemClock } from "@deputize/core";
import type { AgentAuthority } from "../tools/tool-source.ts";
import { type AgentCaller, PresentedCaller } from "./agent-caller.ts";

export interface AgentIdentity {
  /** The audience that tokens for this agent name; undefined when the agent has no tokens of its own. */
  readonly audience: string | undefined;
  /** Verifies. Throws `invalid_token`, and `forbidden` for a token of somebody else than `userId`. */
  admit(presented: PresentedCaller): Promise<AgentCaller>;
  close(): Promise<void>;
}

export interface ExchangeIdentityOptions {
  readonly authorityUrl: string;
  /** The issuer of the tokens; the authority's URL unless set. */
  readonly issuer?: string;
  /** The audience that this agent answers at. */
  readonly audience: string;
  /** The agent's own credential at the authority. */
  readonly credential: { readonly clientId: string; readonly secret: string };
  /** Asked for at exchange; all that the authority allows unless set. */
  readonly scopes?: readonly string[];
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  readonly verifier?: Omit<VerifierOptions, "authorityUrl" | "issuer" | "fetch" | "clock">;
}

/** A token is asked for anew this long before it ends, so that it does not end on the way. */
const RENEW_BEFORE_SECONDS = 15;

/** An agent of a Deputize authority: it verifies offline, and exchanges (RFC 8693) for each server. */
export async function exchangeIdentity(options: ExchangeIdentityOptions): Promise<AgentIdentity> {
  const { authorityUrl, audience, credential, scopes, clock = systemClock } = options;
  const shared = { authorityUrl, clock, ...(options.fetch && { fetch: options.fetch }) };
  const verifier = await createVerifier({
    ...options.verifier,
    ...shared,
    issuer: options.issuer ?? authorityUrl,
  });
  const client = new DeputizeClient({ ...shared, credential });

  function authorityOf(subjectToken: string): AgentAuthority {
    const held = new Map<string, Promise<{ readonly accessToken: string; readonly expiresAt: number }>>();
    return {
      async tokenFor(target, { fresh = false } = {}) {
        const kept = await held.get(target)?.catch(() => undefined);
        if (!fresh && kept && nowSeconds(clock) < kept.expiresAt - RENEW_BEFORE_SECONDS)
          return kept.accessToken;
        const asked = client.exchange({ subjectToken, audience: target, ...(scopes && { scopes }) });
        held.set(target, asked);
        asked.catch(() => held.delete(target));
        return (await asked).accessToken;
      },
    };
  }

  return {
    audience,
    async admit(presented) {
      const token = presented.reveal();
      const caller = await verifier.verify(token, { audience });
      return { caller: sameAs(presented.userId, caller), authority: authorityOf(token) };
    },
    close: () => verifier.close(),
  };
}

export interface TokenIdentityOptions {
  /** Verifies a token, signature, time, issuer and audience; answers who it is. Throws for any that does not hold. */
  readonly verify: (token: string) => Promise<Caller>;
}

/**
 * An agent beside an identity provider of one's own that has no exchange: it hands the person's token on, and only to servers
 * that the token names in `aud`.
 */
export function tokenIdentity({ verify }: TokenIdentityOptions): AgentIdentity {
  return {
    audience: undefined,
    async admit(presented) {
      const token = presented.reveal();
      const caller = sameAs(presented.userId, await verify(token));
      const named = caller.token?.audience ?? [];
      return {
        caller,
        authority: {
          tokenFor: async (target, { fresh = false } = {}) => {
            if (fresh)
              throw new DeputizeError("invalid_token", "your authority for this has ended; sign in again");
            if (named.includes(target)) return token;
            throw new DeputizeError(
              "forbidden",
              "the caller's token does not name this server; name it in `aud`, or let an authority exchange tokens",
            );
          },
        },
      };
    },
    close: async () => {},
  };
}

/** Throws `forbidden` when the token is of somebody else than the request names [PR-D03]. */
export function sameAs(userId: string | undefined, caller: Caller): Caller {
  if (userId !== undefined && userId !== caller.subject) {
    throw new DeputizeError(
      "forbidden",
      "CALLER_MISMATCH: the token is not of the user that the request names",
    );
  }
  return caller;
}
