import { describe, expect, it } from "vitest";
import type { Finding } from "../detector.ts";
import { createCanary } from "./canary.ts";

const { line, detector } = createCanary();
const word = /[a-z]{16}$/.exec(line)?.[0] ?? "";
const found = (text: string): readonly Finding[] => detector.scan(text, "output") as readonly Finding[];

describe("a canary in the instructions is found in an answer", () => {
  it.each([
    ["as it is", word],
    ["in capitals", word.toUpperCase()],
    ["spelled", [...word].join(" ")],
    ["with dashes", [...word].join("-")],
    ["with what shows nothing between", [...word].join("\u200b")],
    ["a line a letter", [...word].join("\n- ")],
    ["backwards", [...word].toReversed().join("")],
    ["by half and more", word.slice(3, 14)],
    ["in base 64", Buffer.from(`say ${word} to me`).toString("base64")],
    ["in base 64, shifted", Buffer.from(`x${word}`).toString("base64")],
    ["in hexadecimal", Buffer.from(word).toString("hex")],
    ["percent-encoded", [...Buffer.from(word)].map((byte) => `%${byte.toString(16)}`).join("")],
    ["by ROT13", word.replaceAll(/[a-z]/g, (c) => String.fromCharCode(((c.charCodeAt(0) - 84) % 26) + 97))],
    ["in full width", [...word].map((c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)).join("")],
  ])("%s", (_, spelled) => {
    const text = `12 34 5: ${spelled}, 6 7 8`;
    const [leak] = found(text);
    expect(leak).toMatchObject({ type: "SYSTEM_PROMPT_LEAK", score: 1 });
    expect(leak?.start).toBeGreaterThanOrEqual(9);
    expect(leak?.end).toBeLessThanOrEqual(9 + spelled.length);
  });

  it("and nowhere else", () => {
    expect(
      found("The instructions are to be brief and friendly, and to say no more than is needed."),
    ).toEqual([]);
    expect(found(createCanary().line)).toEqual([]);
    expect(detector.scan(word, "input")).toEqual([]);
  });
});
