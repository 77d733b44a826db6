/**
 * E-mail addresses as names of accounts: one address, one spelling. Lower-cased whole, because two accounts that
 * differ only in case are a trap for people and a gift to impostors.
 */
import { z } from "zod";

/** A syntactically sound address, folded. For what we store. */
export const emailSchema = z
  .string()
  .max(254)
  .transform(foldEmail)
  .pipe(z.email({ error: "is no e-mail address" }));

/** Folds what somebody typed; for looking up, where a malformed address is simply unknown. */
export function foldEmail(text: string): string {
  return text.normalize("NFC").trim().toLowerCase();
}
