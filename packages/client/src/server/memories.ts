/** What agents keep of a person beyond one thread. */
import { type Json, idOf, isRecord, numberOf, record, recordsOf, textOf } from "./guards.ts";
import { type Answer, type ServerHttp, path } from "./http.ts";
import { type CallOptions, type Done, readDone } from "./threads.ts";

export const MemoryType = {
  EPISODIC: "episodic",
  SEMANTIC: "semantic",
  PROCEDURAL: "procedural",
  ENTITY: "entity",
  RELATIONSHIP: "relationship",
  CUSTOM: "custom",
  DECLARATIVE: "declarative",
} as const;
export type MemoryType = (typeof MemoryType)[keyof typeof MemoryType];

export interface Memory {
  readonly id: string;
  readonly content: string;
  readonly memory_type: string;
  readonly category: string;
  readonly metadata: Json;
  readonly timestamp: string | null;
  /** How near it is to what was searched for. */
  readonly score: number | null;
}

export interface NewMemory {
  readonly content: string;
  readonly memory_type?: MemoryType;
  readonly category?: string;
  readonly metadata?: Json;
  readonly config?: Json;
  readonly options?: Json;
}

export interface MemorySearch {
  readonly query: string;
  readonly memory_type?: MemoryType;
  readonly category?: string;
  /** 10 unless told. */
  readonly limit?: number;
  readonly score_threshold?: number;
  readonly filters?: Json;
  readonly retrieval_strategy?: string;
  readonly distance_metric?: string;
  readonly max_tokens?: number;
  readonly config?: Json;
  readonly options?: Json;
}

export interface MemoryFilter {
  readonly memory_type?: MemoryType;
  readonly category?: string;
  readonly filters?: Json;
  readonly config?: Json;
  readonly options?: Json;
}

/** What the routes of one memory take beside its id. */
export interface MemoryConfig {
  readonly config?: Json;
  readonly options?: Json;
}

export interface MemoryCalls {
  storeMemory(memory: NewMemory, options?: CallOptions): Promise<Answer<{ readonly memory_id: string }>>;
  searchMemory(
    search: MemorySearch,
    options?: CallOptions,
  ): Promise<Answer<{ readonly results: readonly Memory[] }>>;
  getMemory(
    memoryId: string,
    how?: MemoryConfig,
    options?: CallOptions,
  ): Promise<Answer<{ readonly memory: Memory }>>;
  updateMemory(
    memoryId: string,
    content: string,
    how?: MemoryConfig & { readonly metadata?: Json },
    options?: CallOptions,
  ): Promise<Answer<Done>>;
  deleteMemory(memoryId: string, how?: MemoryConfig, options?: CallOptions): Promise<Answer<Done>>;
  listMemories(
    how?: MemoryConfig & { readonly limit?: number; readonly offset?: number },
    options?: CallOptions,
  ): Promise<Answer<{ readonly memories: readonly Memory[] }>>;
  /** Deletes what the filter finds. */
  forgetMemories(
    filter?: MemoryFilter,
    options?: CallOptions,
  ): Promise<Answer<Done & { readonly count: number | null }>>;
}

function readMemory(value: Json): Memory {
  return {
    id: "id" in value ? idOf(value, "id") : idOf(value, "memory_id"),
    content: textOf(value["content"]) ?? "",
    memory_type: textOf(value["memory_type"]) ?? "",
    category: textOf(value["category"]) ?? "",
    metadata: isRecord(value["metadata"]) ? value["metadata"] : {},
    timestamp: textOf(value["timestamp"]) ?? textOf(value["created_at"]) ?? null,
    score: numberOf(value["score"]) ?? null,
  };
}

export function memoryCalls(http: ServerHttp): MemoryCalls {
  const one = (id: string): string => path`/v1/store/memories/${id}`;
  return {
    storeMemory: (body, options = {}) =>
      http.call({ method: "POST", path: "/v1/store/memories", body, ...options }, (data) => ({
        memory_id: idOf(record(data, "memory"), "memory_id"),
      })),
    // These read, though they post: sending them twice does no harm.
    searchMemory: (body, options = {}) =>
      http.call({ method: "POST", path: "/v1/store/search", body, repeatable: true, ...options }, (data) => ({
        results: recordsOf(record(data, "results")["results"]).map(readMemory),
      })),
    getMemory: (id, body = {}, options = {}) =>
      http.call({ method: "POST", path: one(id), body, repeatable: true, ...options }, (data) => {
        const whole = record(data, "memory");
        return { memory: readMemory(record(whole["memory"] ?? whole, "memory")) };
      }),
    updateMemory: (id, content, how = {}, options = {}) =>
      http.call({ method: "PUT", path: one(id), body: { content, ...how }, ...options }, readDone),
    deleteMemory: (id, how, options = {}) =>
      http.call({ method: "DELETE", path: one(id), ...(how && { body: how }), ...options }, readDone),
    listMemories: (body = {}, options = {}) =>
      http.call(
        { method: "POST", path: "/v1/store/memories/list", body, repeatable: true, ...options },
        (data) => ({ memories: recordsOf(record(data, "memories")["memories"]).map(readMemory) }),
      ),
    forgetMemories: (body = {}, options = {}) =>
      http.call({ method: "POST", path: "/v1/store/memories/forget", body, ...options }, (data) => ({
        ...readDone(data),
        count: isRecord(data) ? (numberOf(data["count"]) ?? numberOf(data["deleted_count"]) ?? null) : null,
      })),
  };
}
