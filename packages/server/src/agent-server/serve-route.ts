/**
 * One request to one route, in order: signed in, within limits, authorized, fresh enough, parsed, logged, handled.
 *
 * Guarantees: a handler runs only after each of these, in the context of who asks; its time and the size of what it reads are
 * bounded; every allow is an entry of the audit log before anything happens, and every deny is one too, or counted where
 * strangers send them [AF-F16] (SR-19).
 */
import { type AuditLog, type RefusalCounter, auditEvent } from "@deputize/audit";
import { assertStorableAddress } from "@deputize/client";
import { type Clock, DeputizeError, currentContext, isDeputizeError, withCaller } from "@deputize/core";
import type { Context } from "hono";
import { AuthRefused, staleSignIn } from "../authenticators/index.ts";
import type { RateLeft } from "./door.ts";
import type { Authorization } from "./authorization/authorization.ts";
import { type ApiCode, ApiError, apiCodeOf, metadataOf } from "./errors.ts";
import { parsed, readJsonBody, readUpload } from "./read-request.ts";
import { type AgentRoute, Answer, type RouteCall } from "./route.ts";
import { ANONYMOUS, type SignIn, type SignedIn, withIdentity } from "./sign-in.ts";

/** What a limit counts: a request, or a frame of a socket. */
export interface Limited {
  readonly path: string;
  readonly source: string;
  /** What the tightest limit says, which the limiter writes. */
  left?: RateLeft | undefined;
}

/** Refuses before work is done. */
export interface Limiter {
  /** Before anybody is asked who they are. Throws `rate_limited`. */
  before(asked: Limited): Promise<void>;
  /** Once it is known. Throws `rate_limited`. */
  after(asked: Limited, who: SignedIn): Promise<void>;
}

export interface ServeOptions {
  readonly signIn: SignIn;
  readonly authorization: Authorization;
  readonly limiter?: Limiter | undefined;
  readonly audit: Pick<AuditLog, "append">;
  readonly refusals: RefusalCounter;
  readonly clock: Clock;
  readonly envelope: "data" | "success";
  readonly compat: "agentflow" | undefined;
  readonly bodyBytes: number;
  readonly timeMs: number;
  /** Ends when the server goes down. */
  readonly closing: AbortSignal;
}

const ACTION = "server.request";

/** What the log calls a refusal: the code, as the log writes codes. */
function reasonOf(error: unknown): string {
  const code: ApiCode | string =
    error instanceof AuthRefused
      ? error.refusal.code
      : error instanceof ApiError
        ? error.apiCode
        : isDeputizeError(error)
          ? apiCodeOf(error.code)
          : "internal";
  return code.toLowerCase();
}

/** The way of a request through `route`. */
export function serveRoute(route: AgentRoute, options: ServeOptions): (c: Context) => Promise<Response> {
  const { signIn, authorization, limiter, audit, refusals, clock } = options;
  const { scope } = route;
  const resource = `${route.method} ${route.path}`;

  /** The refusal of somebody known, as an entry. */
  async function logRefused(who: SignedIn, error: unknown): Promise<void> {
    await refusals.refused(
      auditEvent(who.caller, { action: ACTION, outcome: "refused", reason: reasonOf(error), resource }),
      currentContext()?.source,
    );
  }

  async function admitted(c: Context): Promise<SignedIn> {
    if (scope === "public") return ANONYMOUS;
    const source = c.get("source");
    try {
      return await signIn(c.req.raw, { transport: "http", source });
    } catch (error) {
      const requestId = c.get("requestId");
      await refusals.refused(
        {
          action: ACTION,
          outcome: "refused",
          reason: reasonOf(error),
          tenant: "default",
          resource,
          requestId,
        },
        source,
      );
      throw error;
    }
  }

  async function authorized(who: SignedIn, params: Readonly<Record<string, string>>): Promise<void> {
    const { identity, caller } = who;
    if (scope === "public" || !identity) return;
    await authorization.authorize({
      caller,
      identity,
      scope,
      method: route.method,
      path: route.path,
      params,
    });
    const stale = route.fresh && staleSignIn(identity, { clock, ...route.fresh });
    if (stale) throw new AuthRefused(stale);
  }

  async function call(c: Context, who: SignedIn, signal: AbortSignal): Promise<unknown> {
    const maxBytes = route.maxBytes ?? options.bodyBytes;
    const read: RouteCall<unknown, unknown, unknown> = {
      caller: who.caller,
      agentCaller: { caller: who.caller, authority: who.authority },
      identity: who.identity,
      params: route.params ? parsed(route.params, c.req.param(), "path") : {},
      query: route.query ? parsed(route.query, queryOf(c), "query") : undefined,
      body: route.body ? await readJsonBody(c, route.body, maxBytes) : undefined,
      signal,
      requestId: c.get("requestId"),
      source: c.get("source"),
      request: c.req.raw,
      upload: () => readUpload(c, route.upload?.types ?? [], maxBytes),
    };
    return route.handler(read as never);
  }

  async function respond(c: Context, answer: unknown): Promise<Response> {
    if (answer instanceof Response) return answer;
    const { data, status, message } = answer instanceof Answer ? answer : new Answer(answer);
    const code = status ?? route.status ?? 200;
    if (code === 204) return new Response(null, { status: 204 });
    return Response.json(wrapped(route, options, data, { requestId: c.get("requestId"), message }), {
      status: code,
      headers: { "Cache-Control": "no-store" },
    });
  }

  return async (c) => {
    assertStorableAddress(c);
    const asked = limitedOf(c);
    await limiter?.before(asked);
    const who = await admitted(c);
    return withCaller(who.caller, () =>
      withIdentity(who.identity, async () => {
        try {
          await limiter?.after(asked, who);
          await authorized(who, c.req.param());
          if (scope !== "public")
            await audit.append(
              auditEvent(who.caller, { action: ACTION, outcome: "allowed", resource, detail: { scope } }),
            );
          return await bounded(
            route.timeMs === undefined ? options.timeMs : route.timeMs,
            c,
            options.closing,
            async (signal) => respond(c, await call(c, who, signal)),
          );
        } catch (error) {
          if (scope !== "public" && isDeputizeError(error) && error.status < 500 && error.status !== 422)
            await logRefused(who, error);
          throw error;
        }
      }),
    );
  };
}

/** A request as limits count it; what they say of it becomes headers of its answer. */
function limitedOf(c: Context): Limited {
  return {
    path: c.req.path,
    source: c.get("source"),
    get left() {
      return c.get("rateLimit");
    },
    set left(left) {
      c.set("rateLimit", left);
    },
  };
}

function queryOf(c: Context): Record<string, string | string[]> {
  const all = c.req.queries();
  return Object.fromEntries(
    Object.entries(all).map(([name, values]) => [name, values.length === 1 ? (values[0] ?? "") : values]),
  );
}

/** The body of an answer: the data as it is beside `/v1`, in its envelope under it. */
function wrapped(
  { path }: AgentRoute,
  { envelope, compat, clock }: Pick<ServeOptions, "envelope" | "compat" | "clock">,
  data: unknown,
  { requestId, message }: { readonly requestId: string; readonly message: string | undefined },
): unknown {
  // The original wraps its own `/ping`, too.
  if (!path.startsWith("/v1/") && !(compat === "agentflow" && path === "/ping")) return data;
  const metadata = metadataOf(requestId, clock, message ?? "OK");
  if (envelope === "success" && compat === undefined)
    return { success: true, data, message: metadata["message"], timestamp: metadata["timestamp"] };
  return { data, metadata };
}

/** Runs `work` for at most `timeMs`. Throws `timeout`; the work hears of it by its signal. */
async function bounded<T>(
  timeMs: number | null,
  c: Context,
  closing: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signals = [c.req.raw.signal, closing];
  if (timeMs === null) return work(AbortSignal.any(signals));
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new DeputizeError(
        "timeout",
        "this took longer than a request may; ask for less, or stream it",
      );
      reject(error);
      over.abort(error);
    }, timeMs);
  });
  try {
    return await Promise.race([work(AbortSignal.any([...signals, over.signal])), late]);
  } finally {
    clearTimeout(timer);
  }
}
