/**
 * The identity of an agent that works in the same process as its authority, behind the API that people sign in to.
 *
 * Guarantees: people come with the token that they have for the API, which goes no further: each server gets one that the
 * authority made by exchange, for this person, with the agent as the actor, minutes long. An edge and the person's present
 * permission are asked for each time [SR-10].
 */
import type { Authority } from "@deputize/authority";
import type { PrincipalId } from "@deputize/core";
import { type AgentIdentity, sameAs } from "./agent-identity.ts";
import { hopAuthority } from "./hop-authority.ts";

export interface AuthorityIdentityOptions {
  readonly authority: Pick<Authority, "authenticate" | "exchange">;
  /** The API's origin, which people's tokens name as their audience. */
  readonly audience: string;
  /** The API's own principal, which exchanges. */
  readonly exchanger: PrincipalId;
  /** The agent, which acts. */
  readonly agent: PrincipalId;
  /** What the agent asks for; all that the person may do unless set. */
  readonly scopes?: readonly string[];
  /** How long a token for a server lives. 300 unless set. */
  readonly lifetimeSeconds?: number;
}

/** An agent beside its authority. */
export function authorityIdentity(options: AuthorityIdentityOptions): AgentIdentity {
  const { authority, audience, exchanger, agent: actor, scopes, lifetimeSeconds } = options;
  return {
    audience,
    async admit(presented) {
      const headers = { authorization: `Bearer ${presented.reveal()}` };
      const caller = await authority.authenticate(new Request(audience, { headers }));
      const hop = { exchange: authority.exchange, exchanger, actor, scopes, lifetimeSeconds };
      return {
        caller: sameAs(presented.userId, caller),
        authority: hopAuthority({ ...hop, caller }),
      };
    },
    close: async () => {},
  };
}
