/**
 * Talks to the shop's HTTP API as a browser: the session travels in an httpOnly cookie that no script can
 * read, and every write carries the CSRF token from the readable cookie.
 *
 * Guarantees: a refusal or fault arrives as `ApiError` that says whether anything changed; no token is kept
 * or read here. An expired session is renewed once, by one request however many wait for it [SR-25].
 */
import type { Problem } from "./types.ts";

type Method = "GET" | "POST" | "PATCH" | "DELETE";

export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Did the request change anything? `unknown` is said honestly, because a lost answer can hide a done deed. */
  readonly changed: "no" | "unknown";

  constructor(method: Method, status: number, problem: Problem, retryAfterSeconds?: number) {
    super(problem.detail ?? problem.title ?? "the request failed");
    this.status = status;
    this.code = problem.code ?? "unavailable";
    this.requestId = problem.request_id;
    this.retryAfterSeconds = retryAfterSeconds;
    this.changed = method === "GET" || (status >= 400 && status < 500) ? "no" : "unknown";
  }
}

/** The value of the readable CSRF cookie, if there is one. */
export function csrfToken(cookies: string): string | undefined {
  for (const pair of cookies.split(";")) {
    const [name, ...value] = pair.trim().split("=");
    if (name === "deputize_csrf") return decodeURIComponent(value.join("="));
  }
  return undefined;
}

function headersFor(method: Method, hasBody: boolean): Headers {
  const headers = new Headers({ Accept: "application/json", "X-Deputize-Client": "browser" });
  if (hasBody) headers.set("Content-Type", "application/json");
  const token = method === "GET" ? undefined : csrfToken(document.cookie);
  if (token !== undefined) headers.set("X-CSRF-Token", token);
  return headers;
}

async function readProblem(method: Method, response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("Retry-After"));
  let problem: Problem = { detail: `the server answered ${response.status}` };
  if (/json/.test(response.headers.get("Content-Type") ?? "")) {
    try {
      problem = (await response.json()) as Problem;
    } catch {
      // The status alone has to say it.
    }
  }
  return new ApiError(method, response.status, problem, retryAfter > 0 ? retryAfter : undefined);
}

let renewal: Promise<boolean> | undefined;

/** Asks for a fresh session with the cookie; concurrent callers share one request. */
function renewSession(): Promise<boolean> {
  renewal ??= fetch("/api/auth/refresh", { method: "POST", headers: headersFor("POST", true), body: "{}" })
    .then((response) => response.ok)
    .catch(() => false)
    .finally(() => {
      renewal = undefined;
    });
  return renewal;
}

export interface RequestOptions {
  body?: unknown;
  signal?: AbortSignal | undefined;
  accept?: string;
}

/** Sends one request and returns the answer if it is a success; throws `ApiError` otherwise. */
export async function send(method: Method, path: string, options: RequestOptions = {}): Promise<Response> {
  const attempt = async (): Promise<Response> => {
    const headers = headersFor(method, options.body !== undefined);
    if (options.accept !== undefined) headers.set("Accept", options.accept);
    try {
      return await fetch(path, {
        method,
        headers,
        credentials: "same-origin",
        ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
        ...(options.signal && { signal: options.signal }),
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError(method, 0, { code: "unreachable", detail: "the shop could not be reached" });
    }
  };
  let response = await attempt();
  if (response.status === 401 && !path.startsWith("/api/auth/") && (await renewSession()))
    response = await attempt();
  if (!response.ok) throw await readProblem(method, response);
  return response;
}

async function json<T>(method: Method, path: string, options?: RequestOptions): Promise<T> {
  const response = await send(method, path, options);
  if (response.status === 204 || response.headers.get("Content-Length") === "0") return undefined as T;
  return (await response.json()) as T;
}

/** Adds the query parameters that have a value. */
export function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text === "" ? path : `${path}?${text}`;
}

export const api = {
  get: <T>(path: string, signal?: AbortSignal) => json<T>("GET", path, { signal }),
  post: <T>(path: string, body: unknown) => json<T>("POST", path, { body }),
  patch: <T>(path: string, body: unknown) => json<T>("PATCH", path, { body }),
  delete: (path: string) => json<undefined>("DELETE", path),
};
