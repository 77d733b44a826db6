/** What an example is: `examples/NAME/main.ts` exports these three, and `npm run example NAME` runs it. */
import { type DeputizeApp, DeputizeError, type OperatorClient } from "deputize/client";

export interface Example {
  /** One line for the list. */
  readonly title: string;
  /** The scopes that its app may ever hand to a worker: as few as it needs. */
  readonly ceiling: readonly string[];
  run(context: ExampleContext, args: string[]): Promise<void>;
}

export interface ExampleContext {
  /** An app that an operator has registered with the example's ceiling. */
  readonly app: DeputizeApp;
  /** Whoever runs the authority. Throws `config_invalid` where no admin secret is at hand. */
  readonly operator: () => OperatorClient;
  /** Prints one line. */
  readonly print: (line?: string) => void;
}

/** What refused `work`. Throws when nothing did: then the example would show something that is not so. */
export async function refusal(work: () => unknown): Promise<DeputizeError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DeputizeError) return error;
    throw error;
  }
  throw new Error("this should have been refused");
}
