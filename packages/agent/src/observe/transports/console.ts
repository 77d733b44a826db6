/** Records as short lines for whoever looks at a terminal. */
import type { ObservedEvent, Transporter } from "../transporter.ts";

export interface ConsoleTransportOptions {
  /** Standard error unless set. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** On a terminal only, and not with `NO_COLOR`, unless set. */
  readonly colors?: boolean;
}

const COLORS = { dim: "\u001B[2m", red: "\u001B[31m", yellow: "\u001B[33m", green: "\u001B[32m" } as const;
const PLAIN = "\u001B[0m";

/** Writes a line a record: time, end of the correlation id, agent, what happened. */
export function consoleTransport(options: ConsoleTransportOptions = {}): Transporter {
  const { stream = process.stderr } = options;
  const colors = options.colors ?? (stream.isTTY === true && !process.env["NO_COLOR"]);
  return {
    name: "console",
    send(events) {
      for (const event of events) stream.write(`${lineOf(event, colors)}\n`);
    },
  };
}

function lineOf(event: ObservedEvent, colors: boolean): string {
  const paint = (color: keyof typeof COLORS | undefined, words: string): string =>
    colors && color ? `${COLORS[color]}${clean(words)}${PLAIN}` : clean(words);
  const { text, color } = wordsOf(event);
  const head = paint("dim", `${event.at.slice(11, 23)} ${event.correlationId.slice(-8)}`);
  const said = Object.entries(event.texts ?? {}).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `${head} ${clean(event.agent)} ${paint(color, text)}${clean(said.join(""))}`;
}

/** Without what could move the cursor or turn the line around. */
const clean = (words: string): string => words.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ");

interface Words {
  readonly text: string;
  readonly color?: keyof typeof COLORS;
}

const seconds = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
const dollars = (micros: number | undefined): string =>
  micros === undefined ? "" : `, $${(micros / 1_000_000).toFixed(4)}`;

const ENDS = { done: "green", waiting: "yellow", stopped: "yellow", failed: "red" } as const;

function wordsOf(event: ObservedEvent): Words {
  switch (event.kind) {
    case "turn_started":
      return { text: "turn started" };
    case "model_called": {
      const used = `${event.tokensIn} in, ${event.tokensOut} out${dollars(event.costMicros)}`;
      return event.outcome === "failed"
        ? { text: `model ${event.model} failed after ${seconds(event.ms)}`, color: "red" }
        : { text: `model ${event.model} ${seconds(event.ms)} (${used})` };
    }
    case "tool_called": {
      const text = `tool ${event.tool} ${event.status} ${seconds(event.ms)}`;
      return event.status === "done"
        ? { text }
        : { text, color: event.status === "failed" ? "red" : "yellow" };
    }
    case "agent_used": {
      const { agent, model, costMicros, tokensIn, tokensOut } = event.used;
      return {
        text: `agent ${agent} used ${model} (${tokensIn} in, ${tokensOut} out${dollars(costMicros)})`,
      };
    }
    case "cache_looked":
      return { text: `cache ${event.result.replace("_", " ")} ${seconds(event.ms)}` };
    case "memory_recalled":
      return { text: `memory ${event.count} recalled ${seconds(event.ms)}` };
    case "guard_acted":
      return { text: `guard ${event.action} ${event.direction}`, color: "yellow" };
    case "layer_failed":
      return { text: `${event.layer} failed: ${event.code}`, color: "red" };
    case "turn_ended": {
      const used = `${event.tokensIn} in, ${event.tokensOut} out${dollars(event.costMicros)}`;
      const why = event.code === undefined ? "" : `: ${event.code}`;
      return { text: `turn ${event.status}${why} ${seconds(event.ms)} (${used})`, color: ENDS[event.status] };
    }
  }
}
