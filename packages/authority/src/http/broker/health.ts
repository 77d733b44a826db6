/**
 * `GET /v1/health`: is this process alive, and what does it stand on. `GET /v1/ready`: may work be sent here.
 *
 * Guarantees: `health` answers 200 as long as the process does, and says truthfully whether the database answers; `ready`
 * answers 503 while it does not [AW-D43]. However often they are asked, the database is asked once a second at most, and
 * each time within a limit.
 */
import { Hono } from "hono";
import { type Clock, DeputizeError } from "@deputize/core";

export interface HealthRoutesOptions {
  readonly clock: Clock;
  readonly version: string;
  /** Resolves when the database answered. */
  readonly ping: () => Promise<unknown>;
  readonly auditEvents: () => Promise<number>;
}

const KEEP_MS = 1_000;
const PATIENCE_MS = 1_000;

interface Seen {
  readonly up: boolean;
  readonly events: number;
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeputizeError("timeout", "no answer in time")), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface HealthRoutes {
  readonly routes: Hono;
  /** The answer of `GET /v1/health`, as JSON. */
  readonly health: () => Promise<string>;
}

export function healthRoutes(options: HealthRoutesOptions): HealthRoutes {
  const { clock, version } = options;
  const startedMs = clock.monotonicMs();
  let seen: Seen = { up: false, events: 0 };
  let seenAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<Seen> | undefined;

  async function look(): Promise<Seen> {
    try {
      const [events] = await within(Promise.all([options.auditEvents(), options.ping()]));
      seen = { up: true, events };
    } catch {
      seen = { up: false, events: seen.events };
    }
    seenAt = clock.monotonicMs();
    return seen;
  }

  function present(): Promise<Seen> | Seen {
    if (clock.monotonicMs() - seenAt < KEEP_MS) return seen;
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function health(): Promise<string> {
    const { up, events } = await present();
    return JSON.stringify({
      status: up ? "ok" : "degraded",
      version,
      // Whole seconds, and never 0: clients read 0 as "not started".
      uptime: Math.max(1, Math.floor((clock.monotonicMs() - startedMs) / 1000)),
      db_connected: up,
      audit_events_count: events,
    });
  }

  const routes = new Hono();
  routes.get("/v1/ready", async (c) => {
    const { up } = await present();
    if (!up) {
      throw new DeputizeError("unavailable", "the database does not answer", { retryAfterSeconds: 1 });
    }
    return c.json({ status: "ready" });
  });
  return { routes, health };
}
