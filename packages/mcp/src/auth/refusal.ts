/**
 * Why a credential was refused: said to the server's own log, and never to whoever sent it.
 *
 * Guarantees: a reason is a sentence of this code, which holds nothing of a credential or of a person; of errors that others
 * threw it holds no more than what they were thrown from.
 */
import { isDeputizeError } from "@deputize/core";
import { z } from "zod";

/** What everybody hears whose credential does not hold, whatever is wrong with it. */
export const REFUSED = "the token is not valid here; get a new one";

/** One reason. `message` is a fixed sentence. */
export class CredentialRefusal extends Error {}

/** One that was good, and has ended by itself. */
export class CredentialExpired extends CredentialRefusal {}

/** Runs what the server's author wrote. Throws `CredentialRefusal` with its name when it throws; 503 stays what it is. */
export async function asked<T>(name: string, question: () => T | Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (isDeputizeError(error) && error.status === 503) throw error;
    throw new CredentialRefusal(`\`${name}\` threw`, { cause: error });
  }
}

/** The reasons behind what an authenticator threw, in the order in which they were found. */
export function reasonsOf(thrown: unknown): readonly string[] {
  if (thrown instanceof CredentialRefusal) return [thrown.message];
  if (thrown instanceof AggregateError) return thrown.errors.flatMap(reasonsOf);
  if (thrown instanceof z.ZodError) {
    const parts = thrown.issues.map(({ path: [first] }) => (typeof first === "string" ? first : "one"));
    return [`a claim is missing or of another form: ${[...new Set(parts)].join(", ")}`];
  }
  if (!isDeputizeError(thrown)) return [];
  const inner = reasonsOf(thrown.cause);
  return inner.length > 0 ? inner : [thrown.message];
}
