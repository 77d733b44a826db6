/**
 * Requests of the Mem0 platform's API (version 3 for adding, searching and listing, version 1 for single memories), and of what
 * serves the same.
 *
 * Guarantees: the key goes to the named host alone, since no redirect is followed; every request ends in time and every answer is
 * bounded; what does not look like a memory of the asked user is left out, whatever the service sends.
 */
import { tracedFetch } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { memoryFault } from "./memory-provider.ts";

const ANSWER_MAX_BYTES = 4 * 1024 * 1024;

const Row = z.object({
  id: z.string().regex(/^[\w-]{1,100}$/),
  memory: z.string().min(1),
  user_id: z.string(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  score: z.number().nullish(),
  created_at: z.string().nullish(),
  updated_at: z.string().nullish(),
});
export type Mem0Row = z.infer<typeof Row>;

const Page = z.object({ results: z.array(z.unknown()), next: z.string().nullish() });
/** Of a service that kept it at once; others name an event. */
const Added = z.object({ results: z.array(z.object({ id: z.string().regex(/^[\w-]{1,100}$/) })).min(1) });

export interface Mem0ClientOptions {
  /** `https://api.mem0.ai`, or the address of what serves the same; plain HTTP on this machine only. */
  readonly url: string;
  readonly apiKey: string;
  readonly timeoutMs: number;
}

export interface Mem0Client {
  /** The memory's id, where the service says it at once. */
  add(userId: string, body: Readonly<Record<string, unknown>>): Promise<string | undefined>;
  search(
    userId: string,
    body: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<readonly Mem0Row[]>;
  /** The `page`-th page, from 1. */
  list(
    userId: string,
    page: number,
    size: number,
  ): Promise<{ readonly rows: readonly Mem0Row[]; readonly more: boolean }>;
  /** Undefined where it is not there, or another user's. */
  get(userId: string, id: string): Promise<Mem0Row | undefined>;
  update(id: string, body: Readonly<Record<string, unknown>>): Promise<void>;
  delete(id: string): Promise<void>;
  deleteAll(userId: string): Promise<void>;
}

/** Throws `config_invalid`. */
export function mem0Client({ url, apiKey, timeoutMs }: Mem0ClientOptions): Mem0Client {
  const base = baseOf(url);
  if (!/^[\x21-\x7e]{1,500}$/.test(apiKey)) {
    throw new DeputizeError("config_invalid", "mem0Provider needs the service's `apiKey`");
  }

  /** Undefined for what is not there. */
  async function ask(
    method: string,
    path: string,
    { body, signal }: { readonly body?: unknown; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<unknown> {
    const inTime = AbortSignal.timeout(timeoutMs);
    try {
      const response = await tracedFetch(fetch)(`${base}${path}`, {
        method,
        headers: {
          authorization: `Token ${apiKey}`,
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: "error",
        signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
      });
      const text = await boundedText(response);
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`the memory service answered ${response.status}`);
      return text === "" ? {} : JSON.parse(text);
    } catch (error) {
      if (inTime.aborted || signal?.aborted) {
        throw new DeputizeError("timeout", "the memory service took too long", { cause: error });
      }
      throw memoryFault(error);
    }
  }

  async function rows(answer: unknown, userId: string): Promise<{ rows: Mem0Row[]; more: boolean }> {
    const page = Page.safeParse(answer);
    if (!page.success) throw memoryFault(page.error);
    const found = page.data.results.flatMap((one) => rowOf(one, userId) ?? []);
    return { rows: found, more: typeof page.data.next === "string" };
  }

  return {
    async add(userId, body) {
      const added = Added.safeParse(
        await ask("POST", "/v3/memories/add/", { body: { ...body, user_id: userId } }),
      );
      return added.success ? added.data.results[0]?.id : undefined;
    },
    async search(userId, body, signal) {
      const filtered = { ...body, filters: { user_id: userId } };
      return (await rows(await ask("POST", "/v3/memories/search/", { body: filtered, signal }), userId)).rows;
    },
    async list(userId, page, size) {
      const body = { filters: { user_id: userId } };
      return rows(await ask("POST", `/v3/memories/?page=${page}&page_size=${size}`, { body }), userId);
    },
    async get(userId, id) {
      const one = Row.shape.id.safeParse(id);
      return one.success ? rowOf(await ask("GET", `/v1/memories/${one.data}/`), userId) : undefined;
    },
    async update(id, body) {
      await ask("PUT", `/v1/memories/${id}/`, { body });
    },
    async delete(id) {
      await ask("DELETE", `/v1/memories/${id}/`);
    },
    async deleteAll(userId) {
      await ask("DELETE", `/v1/memories/?user_id=${userId}`);
    },
  };
}

function baseOf(url: string): string {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  const local = base !== undefined && ["127.0.0.1", "[::1]", "localhost"].includes(base.hostname);
  if (!base || !(base.protocol === "https:" || (base.protocol === "http:" && local))) {
    throw new DeputizeError("config_invalid", "mem0Provider needs the service's `url`, over https");
  }
  return base.href.replace(/\/+$/, "");
}

function rowOf(answer: unknown, userId: string): Mem0Row | undefined {
  const row = Row.safeParse(answer);
  return row.success && row.data.user_id === userId ? row.data : undefined;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > ANSWER_MAX_BYTES) throw new Error("the memory service answered too much");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
