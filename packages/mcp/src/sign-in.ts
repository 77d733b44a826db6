/**
 * Who asks, before anything else: the caller behind a request, or the refusal of a stranger.
 *
 * Guarantees: whatever is wrong with a credential, its sender hears the same; the reason goes to the server's own log, where
 * it holds nothing of the credential or of a person. Strangers are counted, and limited by address (SR-19), before a line is
 * written. What `onAuthenticate` throws refuses (PR-D18).
 */
import { type Caller, type Clock, DeputizeError, freezeCaller, isDeputizeError } from "@deputize/core";
import type { RefusalCounter } from "@deputize/audit";
import type { Asker } from "./admission.ts";
import { ABOUT_THE_REQUEST, type Authenticator, checkedCaller } from "./auth/authenticator.ts";
import { REFUSED, asked, reasonsOf } from "./auth/refusal.ts";
import { clientContext, deepFreeze } from "./client-context.ts";
import { problemResponse, unauthenticatedChallenge } from "./http/responses.ts";
import { writeLine } from "./middleware/logging.ts";
import type { Middleware } from "./middleware/middleware.ts";
import type { RateLimits } from "./middleware/rate-limit.ts";
import type { FetchInfo, MCPServerOptions } from "./server-options.ts";
import type { StatedCallers } from "./stdio/principal.ts";

/** Failed sign-ins from one address before it has to wait (SR-19). */
const STRANGER_LIMIT = { points: 60, durationSeconds: 60, burst: 60 };

export interface SignInParts {
  readonly server: string;
  readonly auth: Authenticator;
  readonly stated: StatedCallers;
  readonly onAuthenticate: MCPServerOptions["onAuthenticate"];
  readonly clock: Clock;
  readonly refusals: RefusalCounter;
  readonly limits: RateLimits;
  readonly middleware: () => readonly Middleware[];
  readonly metadataUrl: () => string;
}

export class SignIn {
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  /** The caller of a request. Throws what the authenticator throws. */
  async callerOf(request: Request): Promise<Caller> {
    const { stated, auth } = this.#parts;
    return stated.of(request) ?? checkedCaller(await auth.authenticate(request));
  }

  /** Who asks, with what the server knows of them; or the answer to a stranger. */
  async ask(request: Request, info: FetchInfo, requestId: string): Promise<Asker | Response> {
    const { auth, clock, onAuthenticate } = this.#parts;
    const startedMs = clock.monotonicMs();
    try {
      const caller = freezeCaller(await this.callerOf(request));
      const extra = await asked("onAuthenticate", async () => {
        const found = await onAuthenticate?.(caller);
        return found ? deepFreeze(structuredClone(found)) : {};
      });
      const client = clientContext(caller, {
        claims: auth.claimsOf?.(caller),
        extra,
        ipAddress: info.ipAddress,
        userAgent: request.headers.get("user-agent") ?? undefined,
      });
      return { caller, client, requestId };
    } catch (thrown) {
      return this.#refuse(thrown, { source: info.ipAddress ?? "unknown", requestId, startedMs });
    }
  }

  async #refuse(
    thrown: unknown,
    about: { readonly source: string; readonly requestId: string; readonly startedMs: number },
  ): Promise<Response> {
    const { server, auth, clock, refusals, limits, middleware, metadataUrl } = this.#parts;
    const { source, requestId, startedMs } = about;
    const error = heardByStrangers(thrown);
    refusals.count(error.code, source);
    try {
      await limits.take("strangers", STRANGER_LIMIT, [source]);
    } catch (limited) {
      return problemResponse(limited, requestId);
    }
    writeLine(middleware(), {
      server,
      kind: "sign-in",
      name: auth.name,
      requestId,
      outcome: error.status < 500 ? "refused" : "failed",
      code: error.code,
      reasons: reasonsOf(thrown),
      durationMs: clock.monotonicMs() - startedMs,
    });
    if (error.status !== 401) return problemResponse(error, requestId);
    const challenge = unauthenticatedChallenge(error, metadataUrl());
    return problemResponse(error, requestId, { "www-authenticate": challenge });
  }
}

/** That nothing came, that nobody can tell now, or the one refusal, whatever was wrong. */
function heardByStrangers(thrown: unknown): DeputizeError {
  const ours = isDeputizeError(thrown) ? thrown : undefined;
  if (ours && (ours.code === "unauthenticated" || ours.status === 503)) return ours;
  const message = ours && ABOUT_THE_REQUEST.has(ours.message) ? ours.message : REFUSED;
  return new DeputizeError("invalid_token", message, { cause: thrown });
}
