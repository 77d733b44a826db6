/**
 * How a program proves itself at the OAuth endpoints: HTTP Basic or form secrets (RFC 6749 §2.3.1), or a token
 * of its own as `actor_token` (RFC 8693 §2.1).
 *
 * Guarantees: one method a request (SR-26); an unknown client and a wrong secret answer alike. The secret is
 * compared by the credential room, which also throttles.
 */
import type { Context } from "hono";
import { DeputizeError, type PrincipalId } from "@deputize/core";
import type { Tokens } from "../tokens/tokens.ts";

export interface AuthenticatedClient {
  readonly tenant: string;
  readonly principal: PrincipalId;
  /** The key that it proved itself with, and when that ends (epoch milliseconds, or Infinity). */
  readonly key?: { readonly id: string; readonly endsAt: number };
}

/**
 * Checks an API key or client secret. `clientId` is absent when the secret names its owner itself. Answers
 * undefined for anything wrong, in constant time, and throttles by `source`.
 */
export type AuthenticateClient = (credential: {
  readonly clientId?: string;
  readonly secret: string;
  readonly source: string;
}) => Promise<AuthenticatedClient | undefined>;

function refused(): DeputizeError {
  return new DeputizeError("invalid_client", "the client is unknown or its secret is wrong");
}

function readBasic(header: string): { clientId: string; secret: string } {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/.exec(header)?.[1];
  const pair = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  if (colon < 0) throw refused();
  try {
    const decode = (part: string): string => decodeURIComponent(part.replaceAll("+", " "));
    return { clientId: decode(pair.slice(0, colon)), secret: decode(pair.slice(colon + 1)) };
  } catch {
    throw refused();
  }
}

/** The client of a request. Throws `invalid_client`; undefined when the request carries no client credential at all. */
export async function authenticateRequest(
  c: Context,
  form: { readonly client_id?: string | undefined; readonly client_secret?: string | undefined },
  authenticate: AuthenticateClient,
  source: string,
): Promise<AuthenticatedClient | undefined> {
  const header = c.req.header("authorization");
  if (header !== undefined && form.client_secret !== undefined) {
    throw new DeputizeError("invalid_request", "authenticate by one method only");
  }
  c.set("challenge", `Basic realm="token"`);
  const credential =
    header !== undefined
      ? readBasic(header)
      : form.client_secret === undefined
        ? undefined
        : { clientId: form.client_id ?? "", secret: form.client_secret };
  if (!credential) return undefined;
  const { clientId, secret } = credential;
  if (secret === "") throw refused();
  const client = await authenticate({ ...(clientId !== "" && { clientId }), secret, source });
  if (!client) throw refused();
  return client;
}

/**
 * The principal that an `actor_token` speaks for: a token of its own, that nobody acts through, for the API.
 * A token that it sent to some tool proves nothing here: the tool could replay it.
 */
export async function authenticateActorToken(
  tokens: Tokens,
  token: string,
  apiAudience: string,
): Promise<AuthenticatedClient> {
  const verified = await tokens.stands(token);
  if (
    !verified ||
    verified.caller.actors.length > 0 ||
    verified.caller.subjectKind === "user" ||
    !verified.audience.includes(apiAudience)
  ) {
    throw new DeputizeError("invalid_client", "`actor_token` is not a living token of the actor itself");
  }
  return { tenant: verified.caller.tenant, principal: verified.caller.subject };
}
