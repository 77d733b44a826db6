import { useEffect, useState } from "react";
import { DeputizeError } from "@deputize/core/portable";
import type { AgentServerClient } from "../server/client.ts";
import { type RunView, emptyRunView, withEvent } from "../server/run-view.ts";

export interface UseRun {
  /** What the run has told so far; null without one. */
  readonly run: RunView | null;
  /** The run itself cannot be followed; what went wrong in it is in `run.error`. */
  readonly error: DeputizeError | undefined;
}

/** Follows a run that was begun elsewhere, from its beginning, over cut connections. `null` follows nothing. */
export function useRun(client: AgentServerClient, runId: string | null): UseRun {
  const [state, setState] = useState<UseRun>({ run: null, error: undefined });
  useEffect(() => {
    if (runId === null) return;
    const stop = new AbortController();
    const follow = async (): Promise<void> => {
      let run = emptyRunView(runId);
      setState({ run, error: undefined });
      for await (const event of client.streamRun(runId, { signal: stop.signal })) {
        run = withEvent(run, event);
        if (stop.signal.aborted) return;
        setState({ run, error: undefined });
      }
    };
    follow().catch((cause: unknown) => {
      if (stop.signal.aborted) return;
      const error =
        cause instanceof DeputizeError
          ? cause
          : new DeputizeError("internal", "the run could not be followed", { cause });
      setState(({ run }) => ({ run, error }));
    });
    return () => stop.abort();
  }, [client, runId]);
  return runId !== null && state.run?.run_id === runId
    ? state
    : { run: null, error: runId === null ? undefined : state.error };
}
