import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";

it("writes and reads what Node writes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const text = encodeBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      expect(decodeBase64url(text)).toEqual(new Uint8Array(bytes));
    }),
  );
});

it("reads one text only for each sequence of bytes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."ABab01-_+/= \n\u0000é\u0141"), maxLength: 9 }),
      (text) => {
        const bytes = decodeBase64url(text);
        if (bytes) expect(encodeBase64url(bytes)).toBe(text);
        else expect(Buffer.from(text, "base64url").toString("base64url")).not.toBe(text);
      },
    ),
    { numRuns: 2000 },
  );
});
