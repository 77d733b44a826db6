/**
 * One agent behind authenticated A2A 1.0: the endpoint of agent-endpoint.ts for tokens of the authority.
 *
 * Guarantees: nothing of the protocol is looked at before the token is verified for this agent's own audience;
 * the run acts for that caller, with tokens exchanged for each next hop, and the received token goes no further
 * (SH-D02). Bodies are bounded.
 */
import type { AgentAuthority } from "@deputize/agent";
import {
  type TokenVerifier,
  bearerAuth,
  problemHandler,
  readBoundedText,
  readPresentedToken,
} from "@deputize/client";
import { type Caller, DeputizeError, currentContext, isUuid } from "@deputize/core";
import type { Store } from "@deputize/store";
import { Hono } from "hono";
import { type AgentEndpointOptions, agentEndpoint } from "./agent-endpoint.ts";

export interface AgentAppOptions extends AgentEndpointOptions {
  readonly verifier: TokenVerifier;
  readonly store: Store;
  /**
   * The way from a verified caller to its next hops: exchanges `token` for tokens in which this agent acts.
   * Called for each request.
   */
  authorityFor(caller: Caller, token: string): AgentAuthority;
  /** Refuses callers who may not ask this agent, or ask too much, by throwing; before anything is read of the request. */
  readonly admit?: (caller: Caller) => Promise<void>;
}

/** The longest body of a call. */
const MAX_CALL_BYTES = 256 * 1024;

/** Throws `invalid_request` unless a call is sent as JSON (A2A 1.0 §9.1). */
function assertJsonType(contentType: string | null | undefined): void {
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? ""))
    throw new DeputizeError("invalid_request", "send `Content-Type: application/json`");
}

/** Serves `POST /` and `GET /.well-known/agent-card.json`; mount it at the agent's path. */
export function agentApp(options: AgentAppOptions): Hono {
  const { audience, verifier } = options;
  const endpoint = agentEndpoint(options);
  const app = new Hono();
  problemHandler(app, options.onFault ? { log: options.onFault } : {});

  app.get("/.well-known/agent-card.json", (c) =>
    c.body(endpoint.cardJson, 200, {
      "Content-Type": "application/json",
      "Cache-Control": "public, max-age=300",
    }),
  );

  app.post("/", bearerAuth({ verifier, audience }), async (c) => {
    const caller = c.get("caller");
    const { token } = readPresentedToken({
      authorization: c.req.header("authorization"),
      dpop: c.req.header("dpop"),
      method: c.req.method,
      url: c.req.url,
    });
    await options.admit?.(caller);
    assertJsonType(c.req.header("content-type"));
    const body = await readBoundedText(c, MAX_CALL_BYTES);
    const theirs = c.req.header("x-request-id");
    return endpoint.answer({
      body,
      headers: c.req.raw.headers,
      signal: c.req.raw.signal,
      caller,
      authority: options.authorityFor(caller, token),
      requestId: currentContext()?.requestId ?? "none",
      // Only an agent's, and only what can be no words of anybody: it goes into logs.
      ...(caller.actors.length > 0 && theirs !== undefined && isUuid(theirs) && { correlationId: theirs }),
      watch: (onEnded) => verifier.watch(caller, onEnded),
    });
  });
  return app;
}
