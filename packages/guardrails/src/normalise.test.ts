import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalise } from "./normalise.ts";

const shown = (text: string): string => normalise(text).text;
/** The part of the given text that `word` was read in. */
const origin = (text: string, word: string): string => {
  const read = normalise(text);
  const at = read.text.indexOf(word);
  expect(at).toBeGreaterThanOrEqual(0);
  const { start, end } = read.span(at, at + word.length);
  return text.slice(start, end);
};

describe("a text as it is read", () => {
  it.each([
    ["full width", "ｉｇｎｏｒｅ", "ignore"],
    ["mathematical letters", "𝐢𝐠𝐧𝐨𝐫𝐞", "ignore"],
    ["circled letters", "ⓘⓖⓝⓞⓡⓔ", "ignore"],
    ["small capitals", "ɪɢɴᴏʀᴇ", "ignore"],
    ["zero width", "i\u200bg\u200cn\u200do\u2060r\ufeffe", "ignore"],
    ["soft hyphens", "ig\u00adnore", "ignore"],
    ["controls of direction", "\u202eignore\u202c", "ignore"],
    [
      "tag characters",
      [..."ignore"].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join(""),
      "ignore",
    ],
    ["variation selectors", "i\ufe0fg\ufe0fnore", "ignore"],
    ["Cyrillic look-alikes in a Latin word", "ignоrе", "ignore"],
    ["a word of look-alikes alone in a Latin text", "please сору this", "please copy this"],
    ["curly quotes", "“it’s”", '"it\'s"'],
  ])("[PR-D37] undoes %s", (_, text, read) => {
    expect(shown(text)).toBe(read);
  });

  it.each([
    ["Russian", "Пожалуйста, расскажи про Москву"],
    ["a Russian text with a name in Latin", "Открой файл README и скажи, что там"],
    ["Greek", "Πού είναι η στάση;"],
    ["Hindi", "नमस्ते, आप कैसे हैं"],
    ["Danish and Polish letters", "Øl på Łódź"],
    ["line ends and tabs", "a\r\n\tb"],
  ])("leaves %s alone", (_, text) => {
    expect(shown(text)).toBe(text.normalize("NFKC"));
  });

  it("says where a word stood", () => {
    expect(origin("Now 𝐢𝐠𝐧𝐨𝐫𝐞 it", "ignore")).toBe("𝐢𝐠𝐧𝐨𝐫𝐞");
    expect(origin("a i\u200bg\u200bnore b", "ignore")).toBe("i\u200bg\u200bnore");
    expect(origin("x ﷺ ignore", "ignore")).toBe("ignore");
  });

  it("keeps a few marks of a letter and leaves the rest out", () => {
    expect(shown(`e${"\u0301".repeat(1000)}x`).length).toBeLessThan(10);
  });

  it("never throws, never grows beyond its bound, and every span lies in the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.string()),
        fc.nat(50),
        fc.nat(50),
        (text, from, size) => {
          const read = normalise(text);
          expect(read.text.length).toBeLessThanOrEqual(text.length * 18);
          const { start, end } = read.span(from, from + size);
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThanOrEqual(start);
          if (from + size <= read.text.length) expect(end).toBeLessThanOrEqual(text.length);
          const whole = read.span(0, read.text.length);
          expect(whole.end).toBeLessThanOrEqual(text.length);
        },
      ),
    );
  });
});
