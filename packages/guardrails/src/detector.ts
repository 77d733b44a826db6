/**
 * What every scanner speaks: a detector reads a text that goes one way and says where it found what.
 *
 * A finding holds a place and never the text that was found there, so that no log, trace or error can repeat it [PR-D39].
 */

/** Which way a text goes: from the person to the model, from the model to the person, or from a tool to the model. */
export type Direction = "input" | "output" | "tool_result";

export interface Finding {
  /** What it is, such as `credit_card`, `prompt_injection`. */
  readonly type: string;
  /** Where it is in the text as it was given, in UTF-16 code units, the end not included. */
  readonly start: number;
  readonly end: number;
  /** How sure the detector is, 0 to 1. */
  readonly score: number;
}

export interface Detector {
  readonly name: string;
  /** Loads what the first scan would otherwise wait for. */
  warmup?(): Promise<void>;
  /** A detector that throws has found that it cannot tell; whoever asked it refuses the text. */
  scan(text: string, direction: Direction): readonly Finding[] | Promise<readonly Finding[]>;
}
