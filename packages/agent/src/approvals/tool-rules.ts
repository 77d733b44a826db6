/**
 * Which of an agent's calls are refused, asked about or let through, by the names of tools.
 *
 * Guarantees: `deny` goes before `ask`, and `ask` before `allow`, in whatever order they were written. A pattern without a server
 * is meant for the tool of that name at every server, also where the agent shows it under a longer name.
 * Does not: permit anything. What is let through here is still the tool server's to refuse.
 */
import { DeputizeError } from "@deputize/core";

export interface ToolRules {
  /** Names of tools, `server/tool` or `tool`, in which `*` stands for any characters: `delete_*`, `billing/*`. */
  readonly deny?: readonly string[];
  readonly ask?: readonly string[];
  readonly allow?: readonly string[];
  /** What becomes of a tool that no rule names. `allow` unless set. */
  readonly otherwise?: RuleEffect;
}

export type RuleEffect = "deny" | "ask" | "allow";

/** A tool by the names that it has: at its server, and as the model knows it. */
export interface NamedTool {
  readonly server: string;
  readonly tool: string;
  readonly shownAs: string;
}

const PATTERN = /^(?:[A-Za-z0-9_.*-]{1,64}\/)?[A-Za-z0-9_*-]{1,64}$/;

/** Throws `config_invalid` for a pattern that can match nothing. */
export function compileRules(rules: ToolRules): (tool: NamedTool) => RuleEffect {
  const [deny, ask, allow] = [rules.deny, rules.ask, rules.allow].map((patterns = []) =>
    patterns.map(matcher),
  );
  const any = (matchers: ReturnType<typeof matcher>[] = [], tool: NamedTool): boolean =>
    matchers.some((matches) => matches(tool));
  return (tool) => {
    if (any(deny, tool)) return "deny";
    if (any(ask, tool)) return "ask";
    return any(allow, tool) ? "allow" : (rules.otherwise ?? "allow");
  };
}

function matcher(pattern: string): (tool: NamedTool) => boolean {
  if (!PATTERN.test(pattern)) {
    throw new DeputizeError(
      "config_invalid",
      "a rule for tools is `tool` or `server/tool`, in letters, digits, `_`, `-` and `*`",
    );
  }
  // Runs of `*` are one, so that no pattern takes long to compare.
  const expression = pattern.replaceAll(".", String.raw`\.`).replaceAll(/\*+/g, "[^/]*");
  const whole = new RegExp(`^${expression}$`);
  if (pattern.includes("/")) return ({ server, tool }) => whole.test(`${server}/${tool}`);
  return ({ tool, shownAs }) => whole.test(tool) || whole.test(shownAs);
}
