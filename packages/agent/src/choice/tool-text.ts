/** What a tool says of itself, as it is ranked: name, description, and the names and descriptions of its arguments. */
import { nameWords, stemOf, tellingWords } from "./words.ts";

/** What can be ranked: an `OfferedTool`, or a name and a description alone. */
export interface NamedTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema; its properties count where it is one. */
  readonly inputSchema?: unknown;
}

export interface ToolText {
  /** How often a stem stands in it, by the weight of the place. */
  readonly stems: ReadonlyMap<string, number>;
  readonly length: number;
  readonly nameStems: ReadonlySet<string>;
  /** The name in one piece, for words that are written into it without a mark between. */
  readonly compactName: string;
  /** For the sentence model. */
  readonly sentence: string;
}

/** Chosen on requests for tools: a word of the name tells more than one of the description, one of an argument less. */
export const NAME_WEIGHT = 3;
const ARGUMENT_WEIGHT = 0.5;
/** Below it a description says too little by itself. */
const SHORT_SENTENCE = 5;
const ARGUMENTS_MAX = 32;
const TEXT_MAX = 2_000;

export function toolText({ name, description, inputSchema }: NamedTool): ToolText {
  const said = description.slice(0, TEXT_MAX);
  const stems = new Map<string, number>();
  let length = 0;
  const add = (words: readonly string[], weight: number): void => {
    for (const word of words) {
      const stem = stemOf(word);
      stems.set(stem, (stems.get(stem) ?? 0) + weight);
      length += weight;
    }
  };
  const parts = nameWords(name);
  add(parts, NAME_WEIGHT);
  add(tellingWords(said), 1);
  for (const argument of argumentsOf(inputSchema)) {
    add(nameWords(argument.name), ARGUMENT_WEIGHT);
    add(tellingWords(argument.description), ARGUMENT_WEIGHT);
  }
  const short = said.trim().split(/\s+/).length < SHORT_SENTENCE;
  return {
    stems,
    length,
    nameStems: new Set(parts.map(stemOf)),
    compactName: parts.join(""),
    sentence: short ? `${parts.join(" ")}: ${said}` : said,
  };
}

function argumentsOf(schema: unknown): readonly { readonly name: string; readonly description: string }[] {
  const properties = propertyOf(schema, "properties");
  if (typeof properties !== "object" || properties === null) return [];
  return Object.entries(properties)
    .slice(0, ARGUMENTS_MAX)
    .map(([name, property]) => {
      const described = propertyOf(property, "description");
      return { name, description: typeof described === "string" ? described.slice(0, TEXT_MAX) : "" };
    });
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
