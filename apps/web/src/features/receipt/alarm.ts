/** Whether the log's history contradicts what this browser holds. */
import type { VerifyProblem } from "@deputize/audit/verify";
import { useSyncExternalStore } from "react";

let problem: VerifyProblem | undefined;
const listeners = new Set<() => void>();

export function raiseAlarm(next: VerifyProblem | undefined): void {
  problem = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useAlarm = (): VerifyProblem | undefined => useSyncExternalStore(subscribe, () => problem);
