/**
 * Arithmetic as a person types it: numbers, + - * /, parentheses.
 *
 * Guarantees: a parser of its own, so that nothing of the text is ever run; a bounded length, hence bounded depth.
 */
import { DeputizeError } from "@deputize/core";

export const EXPRESSION_MAX = 500;

/** The value, rounded to two decimals. Throws `validation_failed`. */
export function calculate(expression: string): string {
  const parser = new Parser(expression);
  const value = parser.whole();
  if (!Number.isFinite(value)) refuse("the result is no number; is something divided by zero?");
  // Through text, so that 0.005 below a half is not lifted above it by binary fractions; `+ 0` makes -0 a 0.
  return String(Number(value.toFixed(2)) + 0);
}

function refuse(message: string): never {
  throw new DeputizeError("validation_failed", message);
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(expression: string) {
    if (expression.length > EXPRESSION_MAX) refuse(`an expression has ${EXPRESSION_MAX} characters at most`);
    const tokens = expression.match(/\d+(?:\.\d*)?|\.\d+|[-+*/()]|\S/g) ?? [];
    if (tokens.some((token) => !/^[\d.]|^[-+*/()]$/.test(token) || token === "."))
      refuse("write numbers, + - * / and parentheses only");
    this.#tokens = tokens;
  }

  whole(): number {
    const value = this.#sum();
    if (this.#at < this.#tokens.length) refuse("the expression goes on where it should have ended");
    return value;
  }

  #sum(): number {
    let value = this.#product();
    while (this.#tokens[this.#at] === "+" || this.#tokens[this.#at] === "-")
      value += this.#tokens[this.#at++] === "+" ? this.#product() : -this.#product();
    return value;
  }

  #product(): number {
    let value = this.#factor();
    while (this.#tokens[this.#at] === "*" || this.#tokens[this.#at] === "/") {
      if (this.#tokens[this.#at++] === "*") value *= this.#factor();
      else value /= this.#factor();
    }
    return value;
  }

  #factor(): number {
    const token = this.#tokens[this.#at++];
    if (token === "-") return -this.#factor();
    if (token === "+") return this.#factor();
    if (token === "(") {
      const value = this.#sum();
      if (this.#tokens[this.#at++] !== ")") refuse("a parenthesis is not closed");
      return value;
    }
    if (token === undefined || /^[*/)]$/.test(token)) refuse("a number is missing");
    return Number(token);
  }
}
