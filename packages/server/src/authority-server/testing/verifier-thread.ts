/** For tests: a thread of verifiers that check one token again and again, and tell when each accepted it last. */
import { setTimeout as wait } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { createVerifier } from "@deputize/client";

export interface VerifierThreadInput {
  readonly authorityUrl: string;
  readonly issuer: string;
  readonly verifiers: number;
}

/** `watch`: begin with this token. `report`: end, and tell. */
export type ToThread = { readonly watch: string } | "report";

export interface ThreadReport {
  /** For each verifier, when it began the last check that it answered with yes: milliseconds since 1970; 0 for never. */
  readonly accepted: readonly number[];
  /** Codes of refusals, counted. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly checks: number;
}

const { authorityUrl, issuer, verifiers: count } = workerData as VerifierThreadInput;
const verifiers = await Promise.all(
  Array.from({ length: count }, () =>
    createVerifier({ authorityUrl, profiles: [{ kind: "agentwrit", issuer }] }),
  ),
);
const now = (): number => performance.timeOrigin + performance.now();

let running: { stop: boolean; done: Promise<ThreadReport> } | undefined;

function watch(token: string): NonNullable<typeof running> {
  const state = { stop: false };
  const accepted = verifiers.map(() => 0);
  const refusals: Record<string, number> = {};
  let checks = 0;
  let ready = 0;
  const loops = verifiers.map(async (verifier, n) => {
    while (!state.stop) {
      const began = now();
      try {
        await verifier.verify(token, { audience: "any" });
        if (accepted[n] === 0 && (ready += 1) === count) parentPort?.postMessage("all accepted");
        accepted[n] = began;
      } catch (error) {
        const { code = "none" } = error as { code?: string };
        refusals[code] = (refusals[code] ?? 0) + 1;
      }
      checks += 1;
      await wait(20);
    }
  });
  return Object.assign(state, { done: Promise.all(loops).then(() => ({ accepted, refusals, checks })) });
}

parentPort?.on("message", async (message: ToThread) => {
  if (message !== "report") {
    running = watch(message.watch);
    return;
  }
  if (!running) return;
  running.stop = true;
  parentPort?.postMessage(await running.done);
});
parentPort?.postMessage("ready");
