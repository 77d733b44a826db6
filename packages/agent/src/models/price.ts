/** What a model's tokens cost. Prices change; whoever runs an agent sets those that it pays. */
import { DeputizeError } from "@deputize/core";
import type { ResolvedModel } from "./resolve-model.ts";

export interface ModelPrice {
  /** US dollars for a million tokens, as providers print them. */
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
}

const PRICE = /^(\d{1,6}(?:\.\d{1,6})?)\/(\d{1,6}(?:\.\d{1,6})?)$/;

/** `DEPUTIZE_MODEL_PRICE`, such as `0.25/2`: in and out; undefined where it is not set. Throws `config_invalid`. */
export function priceFrom(env: Readonly<Record<string, string | undefined>>): ModelPrice | undefined {
  const setting = env["DEPUTIZE_MODEL_PRICE"]?.trim();
  if (!setting) return undefined;
  const [, input, output] = PRICE.exec(setting) ?? [];
  if (input === undefined || output === undefined) {
    throw new DeputizeError(
      "config_invalid",
      "DEPUTIZE_MODEL_PRICE is two amounts, dollars for a million tokens in and out, such as 0.25/2",
    );
  }
  return { inputPerMillion: Number(input), outputPerMillion: Number(output) };
}

/** Whether what `model` costs can be told, whichever of its members answers. */
export function priceKnown(model: ResolvedModel): boolean {
  return model.members ? model.members.every(priceKnown) : model.price !== undefined;
}

/** The cost in millionths of a US dollar, rounded up; undefined where no price is set. */
export function costOf(
  price: ModelPrice | undefined,
  tokensIn: number,
  tokensOut: number,
): number | undefined {
  if (!price) return undefined;
  // Dollars for a million tokens are millionths of a dollar for one.
  return Math.ceil(tokensIn * price.inputPerMillion + tokensOut * price.outputPerMillion);
}
