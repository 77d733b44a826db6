/**
 * Heartbeats: tells the broker every 30 s that a worker is alive. Whoever began and then misses three loses its grants, so
 * that a credential does not outlive the process that held it.
 *
 * Guarantees: the timer keeps no process alive; trouble on the way is tried again at the next beat; a refusal ends the
 * beating and is told once.
 */
import { DeputizeError } from "@deputize/core";
import { type Agent, contextOf } from "./agent.ts";

const EVERY_MS = 30_000;

/** Sends the first beat and answers when it was taken; the function that comes back stops beating. Throws `invalid_token`. */
export async function startHeartbeat(
  agent: Agent,
  options: {
    readonly onFailed?: (error: unknown) => void;
    /** 30,000 unless told; longer ones are missed. */
    readonly everyMs?: number;
  } = {},
): Promise<() => void> {
  const url = `${contextOf(agent).http.brokerUrl}/v1/agents/heartbeat`;
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = (): void => clearInterval(timer);

  async function beat(): Promise<void> {
    const response = await agent.fetch(url, { method: "POST" });
    await response.body?.cancel();
    if (response.ok) return;
    if (response.status === 401)
      throw new DeputizeError("invalid_token", "the agent's token does not stand any more");
    throw new DeputizeError("unavailable", `the broker answered ${response.status} to a heartbeat`);
  }

  /** One at a time: an answer may take longer than the pause between two. */
  let beating = false;
  async function tick(): Promise<void> {
    if (beating) return;
    beating = true;
    try {
      await beat();
    } catch (error) {
      const refused = error instanceof DeputizeError && error.code === "invalid_token";
      if (!agent.released && !refused) return;
      stop();
      if (!agent.released) options.onFailed?.(error);
    } finally {
      beating = false;
    }
  }

  await beat();
  timer = setInterval(() => void tick(), options.everyMs ?? EVERY_MS);
  timer.unref();
  return stop;
}
