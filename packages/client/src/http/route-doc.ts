/**
 * One route as its readers see it: what `/docs` shows, what `/openapi.json` is made from, and what a test holds against the
 * routes that are really there. Each room keeps a table of its own beside its routes.
 */
import type { z } from "zod";

/** Who may call, and with which credential. */
export type Access =
  | "public"
  /** A person at a session, or a token. */
  | "signed in"
  /** A person at a session of their own; no agent. */
  | "own session"
  /** A registered client, by HTTP Basic. */
  | "client"
  /** A token whose audience is this address. */
  | "agent"
  /** A token of the broker: an operator's, an app's, a worker's. */
  | "operator"
  | "app"
  | "worker";

export interface RouteDoc {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly group: string;
  readonly summary: string;
  readonly access: Access;
  /** What the token must hold, such as `admin:revoke:*`. */
  readonly scope?: string;
  /** The schema that parses the query, or what each name means when the handler reads them one by one. */
  readonly query?: z.ZodType | Readonly<Record<string, string>>;
  /** The schema that parses the JSON body. */
  readonly body?: z.ZodType;
  /** The schema that parses a form (`application/x-www-form-urlencoded`). */
  readonly form?: z.ZodType;
  readonly answer?: z.ZodType;
  /** 200 unless told. */
  readonly status?: number;
  /** Of the answer, when it is not JSON. */
  readonly type?: string;
  /** The rest of a curl line after `curl -s`; what `$URL`, `$TOKEN` and the others hold is said on the page. */
  readonly curl?: string;
}

/** What a route as Hono lists it, such as `/agents/:id{[0-9a-f-]+}`, is in a table: `/agents/{id}`. */
export function documentedPath(path: string): string {
  const plain = path.replaceAll(/:(\w+)(?:\{(?:[^{}]|\{[^{}]*\})*\})?/g, "{$1}");
  return plain.length > 1 ? plain.replace(/\/$/, "") : plain;
}
