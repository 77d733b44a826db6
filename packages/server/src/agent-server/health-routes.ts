/** Whether the server is there, and whether it can work: for people, load balancers and orchestrators. */
import { z } from "zod";
import { Answer, type AgentRoute, route } from "./route.ts";

/** What a server needs to work, such as its database; true, or a throw or false for "not now". */
export type ReadinessCheck = () => Promise<boolean>;

const READY_MS = 2000;

export interface HealthOptions {
  readonly version: string;
  readonly ready: Readonly<Record<string, ReadinessCheck>>;
  /** True once the server goes down: it is sent nothing new. */
  readonly isClosing: () => boolean;
}

export function healthRoutes({ version, ready, isClosing }: HealthOptions): readonly AgentRoute[] {
  async function answers(check: ReadinessCheck): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), READY_MS);
    });
    try {
      return (await Promise.race([check(), late])) === true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  return [
    route({
      method: "GET",
      path: "/ping",
      group: "This server",
      summary: "Answers `pong`.",
      scope: "public",
      answer: z.literal("pong"),
      handler: async () => "pong",
    }),
    route({
      method: "GET",
      path: "/health",
      group: "This server",
      summary: "The process is alive; nothing else is looked at.",
      scope: "public",
      answer: z.object({ status: z.literal("ok"), version: z.string() }),
      handler: async () => ({ status: "ok", version }),
    }),
    route({
      method: "GET",
      path: "/ready",
      group: "This server",
      summary: "What it works with answers; 503 while something does not, and once it goes down.",
      scope: "public",
      answer: z.object({ status: z.enum(["ready", "not_ready"]), checks: z.record(z.string(), z.boolean()) }),
      handler: async () => {
        const names = Object.keys(ready);
        const found = await Promise.all(names.map((name) => answers(ready[name] as ReadinessCheck)));
        const checks = Object.fromEntries(names.map((name, at) => [name, found[at] === true]));
        const isReady = !isClosing() && found.every((one) => one);
        return new Answer(
          { status: isReady ? "ready" : "not_ready", checks },
          { status: isReady ? 200 : 503 },
        );
      },
    }),
  ];
}
