/**
 * `server.health()` and `GET /health`: can this server do its work, for whoever starts and watches it.
 *
 * Guarantees: always answers, within its own time limit; says nothing about people, tools or versions; however often it is
 * asked, the parts are asked once a second at most, since anyone may ask.
 */
import { type Clock, answersWithin } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { AuditSink } from "../audit-sink.ts";

export interface Health {
  /** `unavailable` when a part that calls need does not answer. */
  readonly status: "ok" | "unavailable";
  readonly server: string;
  /** Absent where the server has none. */
  readonly store?: { readonly up: boolean };
  readonly audit: { readonly up: boolean };
}

const PART_MS = 1000;
const KEEP_MS = 1000;

export class HealthCheck {
  readonly #parts: {
    readonly server: string;
    readonly store: Store | undefined;
    readonly audit: AuditSink;
    readonly clock: Clock;
  };
  #last: { readonly atMs: number; readonly health: Promise<Health> } | undefined;

  constructor(parts: {
    readonly server: string;
    readonly store: Store | undefined;
    readonly audit: AuditSink;
    readonly clock: Clock;
  }) {
    this.#parts = parts;
  }

  ask(): Promise<Health> {
    const atMs = this.#parts.clock.monotonicMs();
    if (!this.#last || atMs - this.#last.atMs >= KEEP_MS) this.#last = { atMs, health: this.#look() };
    return this.#last.health;
  }

  /** 200, or 503 while a part is down; the body has the same members in both. */
  async response(): Promise<Response> {
    const health = await this.ask();
    const status = health.status === "ok" ? 200 : 503;
    return Response.json(health, { status, headers: { "cache-control": "no-store" } });
  }

  async #look(): Promise<Health> {
    const { server, store, audit } = this.#parts;
    const [storeUp, auditUp] = await Promise.all([
      store && answersWithin(PART_MS, () => store.pool("app").query("select 1")),
      answersWithin(PART_MS, () => {
        // Throws when the log is damaged.
        audit.announce?.();
        return audit.checkpoint?.();
      }),
    ]);
    return {
      status: storeUp === false || !auditUp ? "unavailable" : "ok",
      server,
      ...(storeUp !== undefined && { store: { up: storeUp } }),
      audit: { up: auditUp },
    };
  }
}
