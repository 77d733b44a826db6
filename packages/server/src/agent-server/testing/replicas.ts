/** Replicas of an agent server over one database, as processes, and a client that follows runs over cuts. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import type { ReplicaOrder } from "./replica.ts";

export type { ReplicaOrder };

export interface Replica {
  readonly url: string;
  readonly child: ChildProcess;
  kill(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
}

const CHILD = fileURLToPath(new URL("./replica.ts", import.meta.url));

export async function startReplica(order: ReplicaOrder): Promise<Replica> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith("listening ")) continue;
    return {
      url: `http://127.0.0.1:${line.slice("listening ".length)}`,
      child,
      kill: async (signal) => {
        child.kill(signal);
        await ended;
      },
    };
  }
  throw new Error("the replica ended before it listened");
}

export function replicaToken(secret: string, userId: string): Promise<string> {
  return new SignJWT({ user_id: userId })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));
}

export interface ToldEvent {
  readonly id: number;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When it came, epoch milliseconds. */
  readonly at: number;
}

export interface FollowRun {
  readonly runId: string;
  readonly bearer: string;
  /** Where to ask, in turn, after each cut. */
  readonly urls: () => readonly string[];
  readonly deadlineMs: number;
}

/** Every event of a run until its last, over as many connections as it takes. Throws past the deadline. */
export async function followRun({ runId, bearer, urls, deadlineMs }: FollowRun): Promise<ToldEvent[]> {
  const events: ToldEvent[] = [];
  const until = performance.now() + deadlineMs;
  for (let turn = 0; performance.now() < until; turn += 1) {
    const all = urls();
    const last = events.at(-1)?.id ?? 0;
    try {
      const response = await fetch(`${all[turn % all.length]}/v1/runs/${runId}/stream`, {
        headers: { authorization: `Bearer ${bearer}`, "last-event-id": String(last) },
        signal: AbortSignal.timeout(Math.max(1, Math.ceil(until - performance.now()))),
      });
      if (response.ok && response.body) {
        for await (const event of eventsOf(response.body)) events.push(event);
        if (events.at(-1)?.event === "done") return events;
      }
    } catch (error) {
      // Cut: the next one goes on.
      if (!(error instanceof TypeError) && !(error instanceof DOMException)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the run had not ended in time; ${events.length} events came`);
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ToldEvent> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const of = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [id, event, data] = [of("id"), of("event"), of("data")];
      if (id === undefined || event === undefined || data === undefined) continue;
      yield { id: Number(id), event, data: JSON.parse(data) as ToldEvent["data"], at: Date.now() };
    }
  }
}
