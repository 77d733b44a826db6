/**
 * A signed-in connection: an app's or an operator's.
 *
 * Guarantees: parallel calls share one sign-in; a failed one is not remembered; the token is replaced before it runs out,
 * and once more when the broker refuses it (a restart, a rotated key), which it does before acting.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { readIssued } from "./agent.ts";
import type { BrokerHttp, BrokerRequest } from "./broker-http.ts";
import { AuthenticationError } from "./errors.ts";

export interface BrokerSession {
  /** As `BrokerHttp.send`, with the session's token. */
  send(request: Omit<BrokerRequest, "credentials">): Promise<unknown>;
  /** Forgets the token; sending throws `config_invalid` from now on. */
  close(): void;
}

/** The token is replaced this long before it runs out, so that it does not die on the way. */
const RENEW_BEFORE_MS = 60_000;

interface SignIn {
  readonly token: string;
  readonly goodUntil: number;
}

export function createBrokerSession(options: {
  readonly http: BrokerHttp;
  readonly clock: Clock;
  readonly path: string;
  readonly body: object;
}): BrokerSession {
  const { http, clock } = options;
  let held: SignIn | undefined;
  let signingIn: Promise<SignIn> | undefined;
  let closed = false;

  async function signIn(): Promise<SignIn> {
    const asked = clock.monotonicMs();
    // Signing in twice does no harm. No abort signal of one caller, for others wait for it too.
    const answer = await http.send({
      method: "POST",
      path: options.path,
      body: options.body,
      repeatable: true,
    });
    const { token, expiresIn } = readIssued(answer);
    // A life shorter than the margin is used for half of it, rather than never.
    const margin = Math.min(RENEW_BEFORE_MS, (expiresIn * 1000) / 2);
    return { token, goodUntil: asked + expiresIn * 1000 - margin };
  }

  async function token(): Promise<string> {
    if (held && clock.monotonicMs() < held.goodUntil) return held.token;
    signingIn ??= signIn().finally(() => {
      signingIn = undefined;
    });
    const fresh = await signingIn;
    if (!closed) held = fresh;
    return fresh.token;
  }

  return {
    async send(request) {
      if (closed) throw new DeputizeError("config_invalid", "this connection was closed; make a new one");
      let used = "";
      const credentials = async (): Promise<Record<string, string>> => {
        request.signal?.throwIfAborted();
        used = await token();
        return { Authorization: `Bearer ${used}` };
      };
      try {
        return await http.send({ ...request, credentials });
      } catch (error) {
        if (!(error instanceof AuthenticationError) || used === "") throw error;
        if (held?.token === used) held = undefined;
        return http.send({ ...request, credentials });
      }
    },
    close() {
      closed = true;
      held = undefined;
    },
  };
}
