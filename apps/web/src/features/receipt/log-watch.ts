/** The state of the log as this page sees it, for the alarm at the top of every screen. */
import type { Receipt, VerifyProblem } from "@deputize/audit/verify";
import { api, withQuery } from "../../api/http.ts";
import {
  type FetchCheckpoint,
  type ReceiptCheck,
  checkLog,
  checkReceipt,
  checkpointMemory,
} from "./log-memory.ts";
import { raiseAlarm } from "./alarm.ts";

const fetchCheckpoint: FetchCheckpoint = (oldSize) =>
  api.get(withQuery("/api/audit/checkpoint", { old_size: oldSize }));

/** Storage that is switched off throws on access. */
function storage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  try {
    return localStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  }
}

const memory = checkpointMemory(storage());

/** Takes turns, so that two checks never write over each other's checkpoint. */
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work, work);
  turn = result.catch(() => undefined);
  return result;
}

/** Looks once, in the background. An unreachable shop is no alarm; other parts of the page say that. */
export async function watchLog(): Promise<void> {
  const check = await inTurn(() => checkLog(memory, fetchCheckpoint)).catch(() => undefined);
  if (check?.kind === "alarm") raiseAlarm(check.problem);
}

export async function verifyInBrowser(receipt: Receipt): Promise<ReceiptCheck> {
  const check = await inTurn(() => checkReceipt(receipt, memory, fetchCheckpoint));
  if (check.kind === "failed" && check.about === "log") raiseAlarm(check.problem);
  return check;
}

/** Only by a person's decision: from here on the log is trusted anew. */
export function forgetCheckpoint(): void {
  memory.clear();
  raiseAlarm(undefined);
}

/** What a problem means, in plain words. */
export const PROBLEM_WORDS: Record<VerifyProblem, string> = {
  pending: "The entry is not in a signed tree yet.",
  key_malformed: "The log's public key cannot be read.",
  key_changed: "The log signs with another key than the one this browser knows.",
  receipt_malformed: "The receipt is incomplete or was altered.",
  checkpoint_invalid: "The checkpoint is not signed by the log's key.",
  not_included: "The proof does not lead from this entry to the signed tree.",
  opening_wrong: "What the receipt says does not fit the entry that was logged.",
  summary_wrong: "The summary says something else than the entry that was logged.",
  crypto_unavailable: "This browser cannot check signatures here. Open the shop over https or on localhost.",
  log_shrank: "The log is shorter than this browser has already seen: entries were taken back.",
  log_forked: "The log's history is not the one that this browser has already seen.",
};
