/** Shapes of arguments that several tools take. */
import { z } from "zod";

const printable = /^[^\p{Cc}]*$/u;

/** A line of text. Control characters are no part of any. */
export const text = (max: number) => z.string().min(1).max(max).regex(printable, "holds control characters");
export const id = text(64);
export const ids = z.array(id).min(1).max(100);

export const address = {
  address1: text(200),
  address2: z.string().max(200).regex(printable, "holds control characters").describe("May be empty."),
  city: text(200),
  state: text(200),
  country: text(200),
  zip: text(200),
};
