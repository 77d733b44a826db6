/**
 * What one caller may use, under names that a model can call it by.
 *
 * Guarantees: a tool that two sources call by one name is shown as `<source>_<tool>`, for both of them, so that neither stands in the
 * place of the other. What is too large to show a model is refused with the fix, and never left out in silence.
 */
import { DeputizeError } from "@deputize/core";
import type { OfferedTool, ToolContext, ToolSource } from "../tools/tool-source.ts";
import { untilAborted } from "./until-aborted.ts";

export interface OfferedBy {
  readonly source: ToolSource;
  /** As the model knows it. */
  readonly tool: OfferedTool;
  /** What its source calls it. */
  readonly own: string;
}

/** By the name that the model knows. */
export type Offered = ReadonlyMap<string, OfferedBy>;

const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const TOOLS_MAX = 512;
const DESCRIPTION_MAX = 4_000;
const SCHEMA_MAX = 24_000;
const CUT = " … (the description was cut here)";

/** Asks each source what this caller may use. Throws `config_invalid`, with the fix. */
export async function offer(sources: readonly ToolSource[], context: ToolContext): Promise<Offered> {
  const asked = sources.map(async (source) => ({ source, tools: await source.list(context) }));
  const lists = await untilAborted(context.signal, Promise.all(asked));
  const all = lists.flatMap(({ source, tools }) => bounded(source, tools).map((tool) => ({ source, tool })));
  const count = new Map<string, number>();
  for (const { tool } of all) count.set(tool.name, (count.get(tool.name) ?? 0) + 1);
  const offered = new Map<string, OfferedBy>();
  for (const { source, tool } of all) {
    const alone = count.get(tool.name) === 1;
    const name = alone ? tool.name : `${source.name.replaceAll(/[^A-Za-z0-9_-]/g, "_")}_${tool.name}`;
    if (offered.has(name) || !TOOL_NAME.test(name) || (!alone && count.has(name))) {
      throw new DeputizeError(
        "config_invalid",
        `two tool sources offer \`${tool.name}\`, and \`${name}\` cannot tell them apart; give the servers short names of their own`,
      );
    }
    offered.set(name, { source, tool: { ...tool, name }, own: tool.name });
  }
  return offered;
}

function bounded(source: ToolSource, tools: readonly OfferedTool[]): OfferedTool[] {
  // Model providers take no other names.
  const named = tools.filter(({ name }) => TOOL_NAME.test(name));
  if (named.length > TOOLS_MAX) {
    throw new DeputizeError(
      "config_invalid",
      `${source.name} offers more than ${TOOLS_MAX} tools; name those to use by \`only\``,
    );
  }
  return named.map((tool) => {
    if (JSON.stringify(tool.inputSchema).length > SCHEMA_MAX) {
      throw new DeputizeError(
        "config_invalid",
        `the arguments of ${source.name}/${tool.name} take more than ${SCHEMA_MAX} characters to describe; leave it out by \`only\``,
      );
    }
    return tool.description.length <= DESCRIPTION_MAX
      ? tool
      : { ...tool, description: tool.description.slice(0, DESCRIPTION_MAX) + CUT };
  });
}
