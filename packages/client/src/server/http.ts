/**
 * Speaks HTTP with an agent server: one place for the credential, time limits, retries, sizes and errors. Runs on Node, in browsers
 * and at the edge.
 *
 * Guarantees: what may have taken effect is not sent twice. After a lost answer or a 502, 503, 504 only what is harmless is sent
 * again; anything is, when the server refused it before doing anything and said when to come back, soon. A refused credential is
 * renewed once, by one getting however many calls wait for it [AF-F15]. Redirects are refused, so that a credential goes nowhere
 * else; none is in an address. Answers are read up to a bound.
 */
import { DeputizeError } from "@deputize/core/portable";
import { parseBaseUrl } from "../sdk/base-url.ts";
import { type RetryOptions, pause, waitBeforeRetry } from "../sdk/retry.ts";
import { TransportError } from "../sdk/transport-error.ts";
import { type AuthOptions, type Credential, type Credentials, credentialsOf } from "./auth.ts";
import { AgentServerError, AuthenticationError, problemOf, serverError } from "./errors.ts";
import { type Json, isRecord, textOf } from "./guards.ts";

export interface HttpOptions extends AuthOptions {
  /** The server's address, such as `http://localhost:8000`. */
  readonly baseUrl: string;
  /** For one attempt, until the whole answer is there; for streams, until they begin. 300,000 ms unless told. */
  readonly timeout?: number;
  readonly fetch?: typeof fetch;
  readonly retry?: RetryOptions;
  /** Longer answers are not read. 16 MiB unless told. */
  readonly maxAnswerBytes?: number;
}

export interface ServerRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With a leading slash; its variable parts encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** JSON, unless it is a form. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sending it twice does no harm. GET unless told. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Metadata {
  readonly request_id?: string;
  readonly timestamp?: string;
  readonly message?: string;
}

/** What a call answers: the data, and the server's words about it. */
export interface Answer<T> {
  readonly data: T;
  readonly metadata: Metadata;
}

export interface ServerHttp {
  readonly base: string;
  readonly credentials: Credentials;
  /** Throws `AgentServerError`, `TransportError`, or the abort's reason. */
  call<T>(request: ServerRequest, read: (data: unknown) => T): Promise<Answer<T>>;
  /** A good answer whose body is not read yet. Throws as `call`. */
  open(request: ServerRequest): Promise<Response>;
  /** The bytes of an answer, up to the bound. */
  bytes(response: Response): Promise<Uint8Array<ArrayBuffer>>;
}

/** What stands for a path that cannot be. */
const NO_PATH = "";

/** A path with its parts encoded, so that an id names one thing and no other path. */
export function path(strings: TemplateStringsArray, ...ids: readonly string[]): string {
  // Dots alone would be taken for the folder above.
  if (ids.some((id) => typeof id !== "string" || /^\.{0,2}$/.test(id))) return NO_PATH;
  return String.raw({ raw: strings }, ...ids.map(encodeURIComponent));
}

function queryOf(query: ServerRequest["query"] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return new URLSearchParams(pairs).toString();
}

/** Said before anything was done: another attempt does nothing twice. */
function refusedFirst({ statusCode, errorCode }: AgentServerError): boolean {
  return statusCode === 429 || (statusCode === 503 && /^(AUTH_UNAVAILABLE|SERVER_BUSY)$/.test(errorCode));
}

/** Throws `config_invalid` for a bad address, or more than one identity. */
export function createServerHttp(options: HttpOptions): ServerHttp {
  const { base, host } = parseBaseUrl(options.baseUrl, "baseUrl");
  const credentials = credentialsOf(options);
  const { timeout = 300_000, retry = {}, maxAnswerBytes = 16 * 1024 * 1024 } = options;
  const ask = options.fetch ?? fetch;

  /** One attempt. `read` is part of it, so that a body that breaks off or takes too long counts as no answer. */
  async function attempt<T>(
    sent: ServerRequest,
    credential: Credential | undefined,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const { method, body, signal } = sent;
    const form = body instanceof FormData;
    const query = queryOf(sent.query);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), timeout);
    try {
      const response = await ask(`${base}${sent.path}${query === "" ? "" : `?${query}`}`, {
        method,
        headers: {
          Accept: "application/json",
          ...(body !== undefined && !form && { "Content-Type": "application/json" }),
          ...options.headers,
          ...sent.headers,
          ...(credential && { [credential.name]: credential.value }),
        },
        redirect: "error",
        credentials: options.credentials ?? "omit",
        cache: "no-store",
        signal: signal ? AbortSignal.any([signal, over.signal]) : over.signal,
        ...(body !== undefined && { body: form ? body : JSON.stringify(body) }),
      });
      if (response.ok) return await read(response);
      const said = await readJson(response).catch(() => undefined);
      throw serverError(problemOf(said, response.status, response.headers));
    } catch (error) {
      if (error instanceof AgentServerError) throw error;
      signal?.throwIfAborted();
      if (error instanceof TransportError) throw error;
      const what = over.signal.aborted ? `did not answer within ${timeout} ms` : "cannot be reached";
      throw new TransportError(`the server at ${host} ${what}`, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function bytes(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    let size = 0;
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      size += part.value.byteLength;
      if (size > maxAnswerBytes) {
        await reader?.cancel().catch(() => undefined);
        throw new TransportError(`the server's answer is longer than ${maxAnswerBytes} bytes; ask for less`);
      }
      parts.push(part.value);
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }

  async function readJson(response: Response): Promise<unknown> {
    const text = new TextDecoder().decode(await bytes(response));
    if (text === "") return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new TransportError(`the server at ${host} answered with something that is no JSON`, error);
    }
  }

  /** The one way of a request: attempts, with one renewal of the credential among them. */
  async function send<T>(sent: ServerRequest, read: (response: Response) => Promise<T>): Promise<T> {
    if (sent.path === NO_PATH)
      throw new DeputizeError("invalid_request", "an id is a text, and neither empty nor only dots");
    const repeatable = sent.repeatable ?? sent.method === "GET";
    let renewed = false;
    let credential = await credentials.current();
    for (let done = 1; ; done += 1) {
      sent.signal?.throwIfAborted();
      try {
        return await attempt(sent, credential, read);
      } catch (error) {
        sent.signal?.throwIfAborted();
        if (error instanceof AuthenticationError && credentials.renewable && !renewed) {
          // A 401 is given before anything is done, so this is no repetition.
          renewed = true;
          credential = await credentials.current(credential);
          continue;
        }
        const wait =
          error instanceof AgentServerError
            ? waitBeforeRetry(
                {
                  done,
                  repeatable,
                  status: error.statusCode,
                  retryAfterSeconds: error.retryAfterSeconds,
                  refusedFirst: refusedFirst(error),
                },
                retry,
              )
            : error instanceof TransportError
              ? waitBeforeRetry({ done, repeatable }, retry)
              : undefined;
        if (wait === undefined) throw error;
        await pause(wait, sent.signal);
      }
    }
  }

  return {
    base,
    credentials,
    bytes,
    open: (sent) => send(sent, async (response) => response),
    async call(sent, read) {
      const { data, metadata } = await send(sent, async (response) => opened(await readJson(response)));
      return { data: read(data), metadata };
    },
  };
}

/** The data and metadata of an answer, in whichever envelope it came; one without is its own data. */
function opened(body: unknown): Answer<unknown> {
  if (!isRecord(body) || !("data" in body)) return { data: body, metadata: {} };
  const metadata: Json = isRecord(body["metadata"]) ? body["metadata"] : body;
  const said = (name: string): Json => {
    const text = textOf(metadata[name]);
    return text === undefined ? {} : { [name]: text };
  };
  return {
    data: body["data"],
    metadata: { ...said("request_id"), ...said("timestamp"), ...said("message") },
  };
}
