/** How values of the wire become JavaScript's: 64-bit integers as numbers, refused beyond 2^53. */
import pg from "pg";
import { DeputizeError } from "@deputize/core";

const INT8 = 20;

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new DeputizeError("internal", "an integer of the database is beyond 2^53");
  return value;
}

export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === INT8
      ? parseInt8
      : pg.types.getTypeParser(oid, format as "text")) as pg.CustomTypesConfig["getTypeParser"],
};
