/**
 * What a provider says of a user beside the token (OpenID Connect Core §5.3): a name, an address, a picture.
 *
 * Guarantees: it lets nobody in. It is asked for with a token that was accepted already, counts only for the user of that token, and holds
 * nothing that a decision rests on.
 */
import { DeputizeError } from "@deputize/core";
import { fetchJson, isLocalHttp, providerMetadata, providerUrl } from "@deputize/mcp/auth";
import { z } from "zod";
import type { Identity } from "./authenticator.ts";

const Userinfo = z.object({
  sub: z.string(),
  name: z.string().max(256).optional().catch(undefined),
  email: z.string().max(320).optional().catch(undefined),
  picture: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional()
    .catch(undefined),
});

export type OidcProfile = Readonly<Omit<z.infer<typeof Userinfo>, "sub">>;

/** The profile of who was accepted with `token`. Throws `unavailable`, and `forbidden` when it is of somebody else. */
export async function oidcProfile(
  identity: Identity,
  token: string,
  options: { readonly fetch?: typeof fetch; readonly signal?: AbortSignal } = {},
): Promise<OidcProfile> {
  const { fetch: get = fetch, signal } = options;
  let read: z.infer<typeof Userinfo>;
  try {
    const { userinfo_endpoint = "" } = await providerMetadata(identity.issuer, get, signal);
    const local = isLocalHttp(providerUrl(identity.issuer, "the issuer"));
    const answer = await fetchJson(providerUrl(userinfo_endpoint, "`userinfo_endpoint`", local), get, {
      headers: { authorization: `Bearer ${token}` },
      ...(signal && { signal }),
    });
    read = Userinfo.parse(answer);
  } catch (cause) {
    throw new DeputizeError("unavailable", "the profile cannot be had now", { cause, retryAfterSeconds: 1 });
  }
  // Core §5.3.2: a mixed-up answer would dress one user in another's name.
  const { sub, ...profile } = read;
  if (sub !== identity.userId) throw new DeputizeError("forbidden", "the profile is of somebody else");
  return profile;
}
