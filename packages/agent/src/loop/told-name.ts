/**
 * What a call is named in steps, in the log and in what is stored: a model may write anybody's words in the place of a tool's name.
 *
 * Guarantees: a name that was not offered is told only where it looks like one, and the guard finds nothing in it.
 */
import { isDeputizeError } from "@deputize/core";
import { UNKNOWN_TOOL } from "../observe/agent-event.ts";
import type { LoopOptions } from "./loop-options.ts";

const LIKE_A_NAME = /^[\w./:-]{1,64}$/;
/** As many as a telephone number has. */
const DIGITS = /(?:\d[_./:-]?){7}/;

/** In: the name of a tool that was not offered. Out: as it may be told. */
export async function toldName(
  tool: string,
  { guard, caller, observe }: Pick<LoopOptions, "guard" | "caller" | "observe">,
): Promise<string> {
  if (!LIKE_A_NAME.test(tool) || DIGITS.test(tool)) return UNKNOWN_TOOL;
  if (!guard) return tool;
  try {
    const output = guard.output(caller, observe);
    return output.push(tool) + (await output.end()) === tool ? tool : UNKNOWN_TOOL;
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    return UNKNOWN_TOOL;
  }
}
