/**
 * A `fetch` for one registered agent: signs in with its API key, keeps the token, and gets another when it must.
 *
 * Guarantees: the key is sent to the authority alone, and the token to one origin; a 401 is answered by one refresh and one
 * second try, so that a change of the agent's permissions holds at its next call; callers at the same moment share one
 * refresh. A body is sent again only when it is text or absent, for a stream is gone. Does not: follow redirects.
 */
import { DeputizeError, isDeputizeError } from "@deputize/core";
import type { DeputizeClient, IssuedToken } from "./deputize-client.ts";
import { holdToken } from "./held-token.ts";

export interface AgentFetchOptions {
  readonly client: DeputizeClient;
  readonly apiKey: string;
  /** The only origin that gets the token, such as `https://api.example`. */
  readonly origin: string;
  /** For whom the token is; the authority's own API unless told. */
  readonly audience?: string;
  readonly scopes?: readonly string[];
  readonly fetch?: typeof fetch;
}

/** Throws `config_invalid` without an origin; the calls throw what signing in throws, and `invalid_request` for another origin. */
export function agentFetch(options: AgentFetchOptions): typeof fetch {
  const { client, apiKey, audience, scopes } = options;
  const send = options.fetch ?? fetch;
  if (!URL.canParse(options.origin)) throw new DeputizeError("config_invalid", "`origin` is a URL");
  const { origin } = new URL(options.origin);

  const signIn = (): Promise<IssuedToken> =>
    client.loginWithApiKey(apiKey, {
      ...(audience !== undefined && { audience }),
      ...(scopes && { scopes }),
    });

  /** Another token than `stale`. A refresh token that is refused means that the sign-in has ended: the key decides anew. */
  async function renew(stale: IssuedToken | undefined): Promise<IssuedToken> {
    if (stale?.refreshToken === undefined) return signIn();
    try {
      return await client.refresh(stale.refreshToken);
    } catch (error) {
      if (isDeputizeError(error, "invalid_token")) return signIn();
      throw error;
    }
  }

  const token = holdToken(renew);

  return async function fetchAsAgent(input, init) {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== origin) {
      throw new DeputizeError("invalid_request", `this agent's token goes to ${origin} only`);
    }
    const once = async (issued: IssuedToken, from: Request | URL | string): Promise<Response> => {
      const request = new Request(from, { ...init, redirect: "error" });
      request.headers.set("Authorization", `Bearer ${issued.accessToken}`);
      return send(request);
    };
    const first = await token();
    const spare = input instanceof Request ? input.clone() : input;
    const answer = await once(first, input);
    const again = init?.body === undefined || init.body === null || typeof init.body === "string";
    if (answer.status !== 401 || !again) return answer;
    await answer.body?.cancel();
    return once(await token(first), spare);
  };
}
