/**
 * What one turn used, by turn, model and tool, told from the facts that observers hear.
 *
 * A tool's tokens are its share of the call of the model that asked for it, in equal parts among what that call asked for.
 */
import type { AgentFact } from "../observe/agent-event.ts";
import type { Used } from "./used.ts";

export interface UsageLine {
  readonly kind: "turn" | "model" | "tool";
  /** Of the model or the tool; of turns, empty. */
  readonly name: string;
  /** A turn that was resumed counts each time. */
  readonly calls: number;
  readonly failed: number;
  readonly ms: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Millionths of a US dollar, of the calls whose price is known. */
  readonly costMicros: number;
  /** Calls whose price is not known. */
  readonly unpriced: number;
}

export interface UsageTally {
  hear(fact: AgentFact): void;
  lines(): readonly UsageLine[];
}

type Amounts = Omit<UsageLine, "kind" | "name">;
const NOTHING: Amounts = {
  calls: 0,
  failed: 0,
  ms: 0,
  tokensIn: 0,
  tokensOut: 0,
  costMicros: 0,
  unpriced: 0,
};
const COUNTS = Object.keys(NOTHING) as readonly (keyof Amounts)[];
const NAME_MAX = 200;

/** What another agent used for the turn, as a line of that agent's. */
export function lineOf({ model, calls, tokensIn, tokensOut, costMicros }: Used): UsageLine {
  const line = { kind: "model", name: model.slice(0, NAME_MAX), calls, tokensIn, tokensOut } as const;
  return { ...NOTHING, ...line, costMicros: costMicros ?? 0, unpriced: costMicros === undefined ? calls : 0 };
}

export function usageTally(): UsageTally {
  const lines = new Map<string, UsageLine>();
  /** The last call of a model, and the tools that were called since. */
  let asked: Amounts = NOTHING;
  let tools: string[] = [];

  function add(kind: UsageLine["kind"], of: string, more: Partial<Amounts>): void {
    const name = of.slice(0, NAME_MAX);
    const key = `${kind} ${name}`;
    const line = lines.get(key) ?? { kind, name, ...NOTHING };
    const sums = COUNTS.map((count) => [count, line[count] + Math.round(more[count] ?? 0)]);
    lines.set(key, { kind, name, ...(Object.fromEntries(sums) as unknown as Amounts) });
  }

  function share(): void {
    const parts = (total: number, index: number): number =>
      Math.floor(total / tools.length) + (index < total % tools.length ? 1 : 0);
    tools.forEach((tool, index) =>
      add("tool", tool, {
        tokensIn: parts(asked.tokensIn, index),
        tokensOut: parts(asked.tokensOut, index),
        costMicros: parts(asked.costMicros, index),
        unpriced: asked.unpriced,
      }),
    );
    asked = NOTHING;
    tools = [];
  }

  return {
    hear(fact) {
      switch (fact.kind) {
        case "model_called": {
          share();
          const { ms, tokensIn, tokensOut, costMicros, outcome } = fact;
          const failed = outcome === "failed" ? 1 : 0;
          const unpriced = costMicros === undefined && !failed ? 1 : 0;
          asked = { ...NOTHING, tokensIn, tokensOut, costMicros: costMicros ?? 0, unpriced };
          add("model", fact.model, { ...asked, calls: 1, failed, ms });
          return;
        }
        case "tool_called":
          // One that waits for a person is called when it goes on.
          if (fact.status === "waiting") return;
          tools.push(fact.tool);
          add("tool", fact.tool, { calls: 1, failed: fact.status === "done" ? 0 : 1, ms: fact.ms });
          return;
        case "turn_ended":
          share();
          add("turn", "", { calls: 1, failed: fact.status === "failed" ? 1 : 0, ms: fact.ms });
      }
    },
    lines: () => [...lines.values()],
  };
}
