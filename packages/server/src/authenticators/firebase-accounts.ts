/**
 * Whether a Firebase user still stands: the account lookup of Identity Toolkit, by an administrator's token.
 *
 * Guarantees: an answer is kept 10 s at most; users who do not exist, are disabled, or were signed out after this sign-in do not stand; while
 * Google cannot be asked the answer is 503, never a yes.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { fetchJson, providerUrl } from "@deputize/mcp/auth";
import { z } from "zod";
import { shortCache } from "./short-cache.ts";

export interface FirebaseAccountsOptions {
  /** An OAuth token of a service account that may read users (`firebaseauth.users.get`). */
  readonly accessToken: () => string | Promise<string>;
  /** For tests: an Identity Toolkit on this machine. */
  readonly url?: string;
  /** 0 to 10 seconds; 10 unless told. */
  readonly cacheSeconds?: number;
}

interface Standing {
  readonly alive: boolean;
  /** Epoch seconds; sign-ins before it were ended. */
  readonly validSince: number;
}

const Answer = z.object({
  users: z
    .array(
      z.object({ localId: z.string(), disabled: z.boolean().optional(), validSince: z.string().optional() }),
    )
    .optional(),
});
const MOST_SECONDS = 10;
const USERS = 10_000;

/** Throws `config_invalid` for an address that is not https. */
export function firebaseAccounts(
  options: FirebaseAccountsOptions & {
    readonly projectId: string;
    readonly fetch: typeof fetch;
    readonly clock: Clock;
  },
) {
  const { projectId, clock, cacheSeconds = MOST_SECONDS } = options;
  const base = providerUrl(options.url ?? "https://identitytoolkit.googleapis.com", "`url`");
  if (!(cacheSeconds >= 0 && cacheSeconds <= MOST_SECONDS))
    throw new DeputizeError("config_invalid", `firebase: \`cacheSeconds\` may be 0 to ${MOST_SECONDS}`);
  const cache = shortCache<Standing>({ size: USERS, clock });

  async function look(userId: string, tenant: string | undefined, signal: AbortSignal): Promise<Standing> {
    const place = tenant === undefined ? "" : `/tenants/${encodeURIComponent(tenant)}`;
    try {
      const answer = await fetchJson(
        new URL(`/v1/projects/${projectId}${place}/accounts:lookup`, base),
        options.fetch,
        {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: `Bearer ${await options.accessToken()}`,
          },
          body: JSON.stringify({ localId: [userId] }),
          signal,
        },
      );
      const user = Answer.parse(answer).users?.find((one) => one.localId === userId);
      return {
        alive: user !== undefined && user.disabled !== true,
        validSince: Number(user?.validSince ?? 0),
      };
    } catch (cause) {
      throw new DeputizeError("unavailable", "the accounts of Firebase cannot be asked", { cause });
    }
  }

  return {
    /** True for a user who may go on with a sign-in of that time. Throws `unavailable`. */
    async stands(userId: string, tenant: string | undefined, signedIn: number, signal: AbortSignal) {
      const { alive, validSince } = await cache.get(
        JSON.stringify([tenant ?? null, userId]),
        () => look(userId, tenant, signal),
        () => clock.monotonicMs() + cacheSeconds * 1000,
      );
      return alive && signedIn >= validSince;
    },
  };
}
