/** What a person reads of the state of background work. */
import type { BackgroundRun } from "../../api/types.ts";
import type { Tone } from "../../ui/badge.tsx";

type Status = BackgroundRun["status"];

const WORDS: Readonly<Record<Status, string>> = {
  queued: "Begins soon",
  scheduled: "Scheduled",
  running: "At work",
  waiting: "Needs you",
  parked: "Parked",
  done: "Done",
  failed: "Failed",
  stopped: "Stopped",
  cancelled: "Stopped",
};

const TONES: Partial<Record<Status, Tone>> = {
  running: "accent",
  waiting: "warn",
  done: "ok",
  failed: "bad",
};

/** Parked work says why: its agent may not go on, or needs more than its mandate gives. */
export function runWords({ status, reason }: Pick<BackgroundRun, "status" | "reason">): string {
  if (status !== "parked") return WORDS[status];
  return reason === "grant_revoked" ? "Parked: its mandate ended" : "Parked: its mandate does not cover it";
}

export const runTone = (status: Status): Tone => TONES[status] ?? "plain";

/** It can still be stopped. */
export const isUnderWay = ({ status }: Pick<BackgroundRun, "status">): boolean =>
  ["queued", "scheduled", "running", "waiting", "parked"].includes(status);
