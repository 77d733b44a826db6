/**
 * One route of the agent server, declared once: where it is, who may, what it reads, what it answers, and what it does. The
 * server, its OpenAPI document, authorization and the sweep of isolation are all made from the list of these.
 *
 * Guarantees: a handler gets what was parsed, and who asks from the verified credential alone; nothing that a client sends is
 * shown to it as an identity. A route without a rule is no route: `assertRoutes` ends the start-up [AF-F06].
 */
import type { AgentCaller } from "@deputize/agent";
import { type Caller, DeputizeError } from "@deputize/core";
import { z } from "zod";
import type { FreshSignIn, Identity } from "../authenticators/index.ts";
import { pathParameters } from "../docs/openapi.ts";

/** What a caller must hold, `resource:action`, such as `graph:invoke`. */
export type RouteScope = `${string}:${string}`;

export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** One request, as its handler sees it: checked, authorized and parsed. */
export interface RouteCall<Params = Record<string, string>, Query = undefined, Body = undefined> {
  /** Who asks. Where the server has no authentication, and on public routes, it is the one anonymous caller. */
  readonly caller: Caller;
  /** The same for agents: with the way to tokens for what they call. */
  readonly agentCaller: AgentCaller;
  /** What the authenticator said; absent for the anonymous caller. */
  readonly identity: Identity | undefined;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Ends when the client leaves, when the request's time is over, and when the server goes down. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** Where it comes from, as far as proxies can be believed. */
  readonly source: string;
  /** As it was sent, for what is read beside the body. Never to tell who asks. */
  readonly request: Request;
  /** The body of a route with `upload`, by count of the bytes that come. Throws `payload_too_large`. */
  readonly upload: () => Promise<Uint8Array>;
}

/** An answer that is not simply the data with the route's own status. */
export class Answer {
  readonly data: unknown;
  readonly status: number | undefined;
  readonly message: string | undefined;

  constructor(data: unknown, more: { readonly status?: number; readonly message?: string } = {}) {
    this.data = data;
    this.status = more.status;
    this.message = more.message;
  }
}

export interface AgentRoute {
  readonly method: (typeof METHODS)[number];
  /** With `{name}` for parameters. Under `/v1` answers are wrapped; elsewhere they stand as they are. */
  readonly path: string;
  /** The heading under which the documentation has it. */
  readonly group: string;
  readonly summary: string;
  /** The rule. `public`: nobody is asked who they are. */
  readonly scope: RouteScope | "public";
  /** How fresh or strong the sign-in must be (RFC 9470). */
  readonly fresh?: FreshSignIn;
  /** Each must be named; one without a schema is no route. */
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** JSON. One that takes undefined is optional. */
  readonly body?: z.ZodType;
  /** Takes a body of another kind, which the handler reads; its types, as a client sends them. */
  readonly upload?: { readonly types: readonly string[] };
  /** Of the body; the server's own bound unless told. */
  readonly maxBytes?: number;
  /** How long a request may take; the server's own bound unless told. `null`: as long as the client stays, for streams. */
  readonly timeMs?: number | null;
  readonly answer?: z.ZodType;
  /** 200 unless told. */
  readonly status?: number;
  /** Of the answer, when it is not JSON. */
  readonly type?: string;
  /** Answers the data, an `Answer`, or a whole response, to which the server adds its headers. */
  readonly handler: (call: RouteCall<never, never, never>) => Promise<unknown>;
}

type Out<S> = S extends z.ZodType ? z.output<S> : undefined;

/** A route with its handler typed by its schemas. */
export function route<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  declared: Omit<AgentRoute, "params" | "query" | "body" | "handler"> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    readonly handler: (call: RouteCall<Out<P>, Out<Q>, Out<B>>) => Promise<unknown>;
  },
): AgentRoute {
  return declared as unknown as AgentRoute;
}

const SCOPE = /^[a-z][a-z0-9_]*:[a-z][a-z0-9_]*$/;
const PATH = /^(\/([A-Za-z0-9._:-]+|\{[a-z][A-Za-z0-9_]*\}))+$/;

/**
 * Throws `config_invalid` for a route without a rule, for one that stands twice, and for one whose path and parameters do not
 * agree: what nobody wrote a rule for is not served.
 */
export function assertRoutes(routes: readonly AgentRoute[]): void {
  const seen = new Set<string>();
  for (const one of routes) {
    const name = `${one.method} ${one.path}`;
    const wrong = (why: string): DeputizeError =>
      new DeputizeError("config_invalid", `the route ${name} ${why}`);
    if (!METHODS.includes(one.method) || !PATH.test(one.path))
      throw wrong("has no method and path that can be served");
    if (one.scope !== "public" && !SCOPE.test(String(one.scope ?? "")))
      throw wrong("has no rule; give it a `scope` such as `graph:invoke`, or say `public`");
    const shape = name.replaceAll(/\{\w+\}/g, "{}");
    if (seen.has(shape)) throw wrong("stands twice");
    seen.add(shape);
    const named = pathParameters(one.path);
    const parsed = one.params instanceof z.ZodObject ? Object.keys(one.params.shape) : [];
    if (named.length !== parsed.length || named.some((param) => !parsed.includes(param)))
      throw wrong("does not parse the parameters of its path; give it `params` with exactly those");
    if (one.body && one.upload) throw wrong("reads JSON and an upload; it can read one body");
    if (one.method === "GET" && (one.body || one.upload)) throw wrong("reads a body, which GET has not");
  }
}

/** In the order in which they are matched: fixed words before parameters, so that none is shadowed [AF-D12]. */
export function inMatchingOrder(routes: readonly AgentRoute[]): readonly AgentRoute[] {
  const shape = ({ path }: AgentRoute): string =>
    path
      .split("/")
      .map((part) => (part.startsWith("{") ? "1" : "0"))
      .join("");
  return [...routes].sort((a, b) => (shape(a) < shape(b) ? -1 : shape(a) > shape(b) ? 1 : 0));
}
