/**
 * What settings of a project are made of: objects that know their keys, words that know their alternatives, places of code.
 *
 * Guarantees: a key or a word that does not exist is an error that names the nearest one that does, and never repeats a value, which
 * may be a secret in the wrong place.
 */
import { z } from "zod";
import { mistaken, nearest } from "../../config/nearest.ts";

/** An object with these keys and no others. */
export function settings<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return undefined;
      const unknown = (issue as { keys?: readonly string[] }).keys ?? [];
      return unknown
        .map((key) => `there is no \`${key}\`; did you mean \`${nearest(key, known)}\`?`)
        .join(" ");
    },
  });
}

/** One of these words. */
export function word<const Words extends readonly [string, ...string[]]>(...words: Words) {
  const says = `is one of ${words.map((one) => `"${one}"`).join(", ")}`;
  return z.enum(words, { error: ({ input }) => says + meant(input, words) });
}

/** Only what is near: a guess could be the looser of two settings. */
function meant(input: unknown, words: readonly string[]): string {
  const one = typeof input === "string" && input.length <= 40 ? mistaken(input, words) : undefined;
  return one === undefined ? "" : `; did you mean "${one}"?`;
}

/** One of several forms. `says` stands where a value is of none of them; `words` are those that may have been meant. */
export function either<const Forms extends readonly [z.ZodType, z.ZodType, ...z.ZodType[]]>(
  says: string,
  forms: Forms,
  words: readonly string[] = [],
) {
  return z.union(forms, { error: ({ input }) => says + meant(input, words) });
}

const PLACE =
  /^(?:(?:\.{0,2}\/)?[\w@.][\w@./-]*\.[cm]?[jt]s(?:#[A-Za-z_$][\w$]*)?|[A-Za-z_][\w/-]*(?:\.[A-Za-z_][\w-]*)*:[A-Za-z_$][\w$]*)$/;

/** Where code of the project is: `./auth/custom.ts#MyAuth`, without `#` the default export; or `auth.custom:MyAuth`. */
export const codePlace = z.string().max(500).regex(PLACE, {
  // So that a list of forms tells all of them.
  abort: true,
  error: "is a file of the project such as `./auth/custom.ts#MyAuth`, or `auth.custom:MyAuth`",
});

/** An address with one of these protocols. */
export const address = (...protocols: readonly string[]) =>
  z
    .string()
    .max(2000)
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      error: `is an address that begins with ${protocols.map((one) => `${one}//`).join(" or ")}`,
    });

export const count = (least: number, most: number) => {
  const error = `is a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

export const names = z.array(z.string().min(1).max(256)).max(256);
