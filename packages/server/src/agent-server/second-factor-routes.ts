/**
 * The routes of second factors: enrolled behind a fresh sign-in, proved once for a session. Mount them by `routes`, with a
 * `stepUpAuthenticator` in the chain and `required: { except: [PROVE_PATH] }` where nothing else is reached without one.
 *
 * Guarantees: whose factor it is comes from the credential; a wrong code is 401, and after five in a row 429 says until when.
 */
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { AuthRefused } from "../authenticators/auth-code.ts";
import { type Identity, rejected } from "../authenticators/authenticator.ts";
import type { SecondFactors } from "../authenticators/index.ts";
import { type AgentRoute, route } from "./route.ts";

/** Where a code is proved. */
export const PROVE_PATH = "/auth/second-factor";

const GROUP = "Second factor";
const Code = z.strictObject({ code: z.string().trim().min(6).max(64) });
const DEFAULT_FRESH_SECONDS = 300;

function known(identity: Identity | undefined): Identity {
  if (identity) return identity;
  throw new DeputizeError(
    "forbidden",
    "this server asks nobody who they are, so that there is nothing to prove",
  );
}

/** `freshSeconds`: how old the sign-in may be to which a factor is added; 300 unless set. */
export function secondFactorRoutes(
  factors: SecondFactors,
  { freshSeconds = DEFAULT_FRESH_SECONDS }: { readonly freshSeconds?: number } = {},
): readonly AgentRoute[] {
  const wrong = (): AuthRefused =>
    new AuthRefused(rejected("INSUFFICIENT_USER_AUTHENTICATION", "the code does not hold"));
  return [
    route({
      method: "POST",
      path: PROVE_PATH,
      group: GROUP,
      summary: "Proves the second factor, or a recovery code, for this sign-in.",
      scope: "second_factor:prove",
      body: Code,
      status: 204,
      handler: async ({ identity, body }) => {
        const result = await factors.prove(known(identity), body.code);
        if (result.ok) return undefined;
        if (!result.locked) throw wrong();
        const { retryAfterSeconds } = result;
        throw new AuthRefused(rejected("RATE_LIMIT_EXCEEDED", "the factor is locked", { retryAfterSeconds }));
      },
    }),
    route({
      method: "POST",
      path: "/auth/second-factor/enrol",
      group: GROUP,
      summary: "Makes a secret, shown once, as an address for a QR code; a code confirms it.",
      scope: "second_factor:enrol",
      fresh: { maxAgeSeconds: freshSeconds },
      answer: z.object({ uri: z.string(), secret: z.string() }),
      handler: async ({ identity }) => {
        const user = known(identity);
        return factors.enrol(user, user.email ?? user.username ?? user.userId);
      },
    }),
    route({
      method: "POST",
      path: "/auth/second-factor/confirm",
      group: GROUP,
      summary: "Takes the secret into use, and answers recovery codes, once.",
      scope: "second_factor:enrol",
      fresh: { maxAgeSeconds: freshSeconds },
      body: Code,
      answer: z.object({ recovery_codes: z.array(z.string()) }),
      handler: async ({ identity, body }) => {
        const codes = await factors.confirm(known(identity), body.code);
        if (!codes) throw wrong();
        return { recovery_codes: codes };
      },
    }),
  ];
}
