/**
 * Watching an agent: what its turns do, at a level, carried to any number of transporters.
 *
 * Guarantees: watching changes no turn; see `createDelivery`. Records hold ids, names, counts and codes. What people and models
 * wrote is in none, but at level `full`, where `texts` holds what `redact` made of it: nothing at all unless one is given.
 */
import { DeputizeError } from "@deputize/core";
import type { AgentEvent, AgentFact, AgentObserver, Said } from "./agent-event.ts";
import { type Delivery, createDelivery } from "./delivery.ts";
import type { DeliveryCounts, ObservedEvent, Transporter } from "./transporter.ts";

export type ObserveLevel = "off" | "basic" | "standard" | "full";

export interface ObserveOptions {
  /**
   * `off`: nothing. `basic`: turns, what guards did, layers that failed. `standard` (unless set): model calls, tool calls, cache and
   * memory too. `full`: with `texts`.
   */
  readonly level?: ObserveLevel;
  readonly transporters: readonly Transporter[];
  /** The id to tell records by, instead of the request's; a function is asked at each record. An id, never words of anybody. */
  readonly correlationId?: string | (() => string | undefined);
  /** What may be kept of a text that a person, a model or a tool wrote. Everything is hidden unless set. Runs for each text. */
  readonly redact?: (text: string) => string;
  /** Records that may wait for one transporter. 1,000 unless set. */
  readonly queue?: number;
}

/** An observer for `buildAgent({ observe })`; whoever made it closes it. */
export interface Observation extends AgentObserver {
  /** Resolves when what was told so far was carried on, or lost. */
  flush(): Promise<void>;
  /** The same, for five seconds at most for each transporter; afterwards nothing is taken. */
  close(): Promise<void>;
  /** What became of the records, by transporter in the order given. */
  counts(): readonly (DeliveryCounts & { readonly transporter: string })[];
}

const HIDDEN = "[redacted]";
const TEXT_MAX = 4_000;
const QUEUE = 1_000;
const LEVELS: readonly ObserveLevel[] = ["off", "basic", "standard", "full"];
const BASIC: ReadonlySet<AgentFact["kind"]> = new Set([
  "turn_started",
  "turn_ended",
  "guard_acted",
  "layer_failed",
]);

/** Starts watching. Throws `config_invalid`. */
export function observe(options: ObserveOptions): Observation {
  const { level = "standard", transporters, correlationId, redact = () => HIDDEN, queue = QUEUE } = options;
  if (!LEVELS.includes(level))
    throw new DeputizeError("config_invalid", `\`level\` is one of ${LEVELS.join(", ")}`);
  if (!(queue >= 1)) throw new DeputizeError("config_invalid", "`queue` is at least 1");
  const ways = transporters.map((transporter) => ({
    transporter: transporter.name,
    delivery: createDelivery(transporter, queue),
  }));
  const all = async (work: (delivery: Delivery) => Promise<void>): Promise<void> => {
    await Promise.all(ways.map(({ delivery }) => work(delivery)));
  };

  function tell(event: AgentEvent, said?: Said): void {
    if (level === "off" || (level === "basic" && !BASIC.has(event.kind))) return;
    const id = typeof correlationId === "function" ? correlationId() : correlationId;
    const named: AgentEvent = id === undefined ? event : { ...event, correlationId: id };
    const record =
      level === "full" && said ? once(() => ({ ...named, texts: textsOf(said, redact) })) : () => named;
    for (const { delivery } of ways) delivery.push(record);
  }

  return Object.assign(tell, {
    flush: () => all((delivery) => delivery.flush()),
    close: () => all((delivery) => delivery.close()),
    counts: () => ways.map(({ transporter, delivery }) => ({ transporter, ...delivery.counts() })),
  });
}

/** Texts after redaction, which sees each of them whole: half an address would look like none. */
function textsOf(said: Said, redact: (text: string) => string): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(said())) {
    if (value === undefined) continue;
    texts[name] = HIDDEN;
    try {
      const kept: unknown = redact(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
      if (typeof kept === "string") texts[name] = kept.slice(0, TEXT_MAX);
    } catch {
      // What could not be redacted stays hidden.
    }
  }
  return texts;
}

function once<T extends ObservedEvent>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
