/** Questions to whoever sits at the terminal. */
import { createInterface } from "node:readline/promises";

/** True where somebody can be asked. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** Asks until the answer is one of `choices`; Enter takes the first. Questions go to standard error. */
export async function choose<const Choice extends string>(
  question: string,
  choices: readonly [Choice, ...Choice[]],
): Promise<Choice> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    for (;;) {
      const answer = (await terminal.question(`${question} (${choices.join(", ")}) [${choices[0]}] `)).trim();
      const chosen = answer === "" ? choices[0] : choices.find((one) => one === answer.toLowerCase());
      if (chosen !== undefined) return chosen;
    }
  } finally {
    terminal.close();
  }
}
