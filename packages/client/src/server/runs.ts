/** Runs: turns that go on by themselves, can be followed from anywhere, and wait for a person where it must be. */
import type { RetryOptions } from "../sdk/retry.ts";
import { type FollowOptions, type Numbered, followEvents } from "./follow.ts";
import { idOf, isRecord, record, recordsOf, textOf } from "./guards.ts";
import { type Answer, type HttpOptions, type ServerHttp, path } from "./http.ts";
import {
  type Approval,
  type Run,
  type RunEvent,
  type RunStatus,
  readApproval,
  readRun,
  readRunEvent,
} from "./run-events.ts";
import type { CallOptions } from "./threads.ts";

export interface NewRun {
  /** What the person says. */
  readonly message: string;
  /** A new thread unless told. */
  readonly thread_id?: string;
  /** The server's first agent unless told. */
  readonly agent?: string;
}

export interface RunFilter {
  readonly thread_id?: string;
  readonly agent?: string;
  readonly status?: RunStatus;
  readonly limit?: number;
  /** As the page before said in `next`. */
  readonly cursor?: string;
}

export interface Decided {
  readonly approval_id: string;
  readonly decision: string;
  /** The run that goes on, where it had to wait. */
  readonly run: Run | null;
}

/** Nothing more comes by itself. */
const REST: ReadonlySet<RunStatus> = new Set<RunStatus>(["waiting", "succeeded", "failed", "cancelled"]);

export interface RunCalls {
  /** Begins a run, and answers before it is done. Follow it by `streamRun`. */
  createRun(run: NewRun, options?: CallOptions): Promise<Answer<Run>>;
  run(runId: string, options?: CallOptions): Promise<Answer<Run>>;
  runs(
    filter?: RunFilter,
    options?: CallOptions,
  ): Promise<Answer<{ readonly runs: readonly Run[]; readonly next: string | null }>>;
  /** What a run told and tells, until it ends or waits; over cut connections each event once. */
  streamRun(runId: string, options?: FollowOptions): AsyncGenerator<RunEvent>;
  /** The run, once it has ended or waits for a decision. */
  waitForRun(runId: string, options?: CallOptions): Promise<Answer<Run>>;
  cancelRun(runId: string, options?: CallOptions): Promise<Answer<Run>>;
  /** What waits for a person. */
  approvals(options?: CallOptions): Promise<Answer<{ readonly approvals: readonly Approval[] }>>;
  /** The person's word. With it the run goes on. */
  decideApproval(
    approvalId: string,
    decision: "approve" | "refuse",
    options?: CallOptions,
  ): Promise<Answer<Decided>>;
}

function readOne(http: ServerHttp, id: string, options: CallOptions): Promise<Answer<Run>> {
  return http.call({ method: "GET", path: path`/v1/runs/${id}`, ...options }, readRun);
}

/** What a run tells, as it came. */
export function runEvents(
  http: ServerHttp,
  retry: RetryOptions | undefined,
  runId: string,
  options: FollowOptions,
): AsyncGenerator<Numbered> {
  const source = {
    path: path`/v1/runs/${runId}/stream`,
    isLast: ({ event }: Numbered) => event === "done",
    isOver: async (last: number) => {
      const { data } = await readOne(http, runId, options.signal ? { signal: options.signal } : {});
      return data.last_event <= last && REST.has(data.status);
    },
    ...(retry && { retry }),
  };
  return followEvents(http, source, options);
}

export function runCalls(http: ServerHttp, { retry }: Pick<HttpOptions, "retry">): RunCalls {
  const run: RunCalls["run"] = (id, options = {}) => readOne(http, id, options);

  async function* streamRun(runId: string, options: FollowOptions = {}): AsyncGenerator<RunEvent> {
    for await (const { seq, event, data } of runEvents(http, retry, runId, options))
      yield readRunEvent(seq, event, data);
  }

  return {
    createRun: (body, options = {}) =>
      http.call({ method: "POST", path: "/v1/runs", body, ...options }, readRun),
    run,
    runs: ({ thread_id, agent, status, limit, cursor } = {}, options = {}) =>
      http.call(
        {
          method: "GET",
          path: "/v1/runs",
          query: { thread_id, agent, status, limit, cursor } as Record<string, string | number>,
          ...options,
        },
        (data) => {
          const page = record(data, "runs");
          return { runs: recordsOf(page["runs"]).map(readRun), next: textOf(page["next"]) ?? null };
        },
      ),
    streamRun,
    async waitForRun(id, options = {}) {
      for await (const { event } of streamRun(id, options)) if (event === "done") break;
      return run(id, options);
    },
    cancelRun: (id, options = {}) =>
      http.call({ method: "POST", path: path`/v1/runs/${id}/cancel`, ...options }, readRun),
    approvals: (options = {}) =>
      http.call({ method: "GET", path: "/v1/approvals", ...options }, (data) => ({
        approvals: recordsOf(record(data, "approvals")["approvals"]).map(readApproval),
      })),
    decideApproval: (id, decision, options = {}) =>
      http.call(
        { method: "POST", path: path`/v1/approvals/${id}/decide`, body: { decision }, ...options },
        (data) => {
          const value = record(data, "decision");
          return {
            approval_id: idOf(value, "approval_id"),
            decision: textOf(value["decision"]) ?? decision,
            run: isRecord(value["run"]) ? readRun(value["run"]) : null,
          };
        },
      ),
  };
}
