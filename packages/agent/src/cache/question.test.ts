/**
 * Near misses never share an answer [PR-D33]; the same question in another dress does. Each pair goes through the cache itself.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerOf, hit, keep, turnOf } from "./cache.fixture.ts";
import { cosine } from "../embeddings/embedder.ts";
import { hashedNgrams } from "../embeddings/hashed-embedder.ts";
import { nearMisses } from "./near-misses.fixture.ts";
import { DRESS, FREE } from "./paraphrases.fixture.ts";
import { asksOfTheMoment, readQuestion } from "./question.ts";
import { SemanticCache } from "./semantic-cache.ts";

/** Whether `other` would be answered with what was kept for `one`. */
async function shares(
  one: string,
  other: string,
  synonyms: readonly (readonly string[])[] = [],
): Promise<boolean> {
  const cache = new SemanticCache({ synonyms });
  await keep(cache, turnOf(one), answerOf(`about ${one}`));
  return (await hit(cache, turnOf(other))) !== undefined;
}

async function cosineOf(one: string, other: string): Promise<number> {
  const embedder = hashedNgrams();
  const texts = [one, other].map((message) => readQuestion(message).text);
  const [a = [], b = []] = await Promise.all(texts.map((text) => embedder.embed(text)));
  return cosine(a, b);
}

describe("two messages", () => {
  const misses = nearMisses();

  it("never share an answer when one number, name, unit, negation, direction … differs: 0 of over 500 pairs [PR-D33]", async () => {
    expect(misses.length).toBeGreaterThanOrEqual(500);
    expect(new Set(misses.map(({ one, other }) => `${one}\n${other}`)).size).toBe(misses.length);
    const wrong: string[] = [];
    for (const { kind, one, other } of misses) {
      if ((await shares(one, other)) || (await shares(other, one))) wrong.push(`${kind}: ${one} | ${other}`);
    }
    expect(wrong).toEqual([]);
  });

  it("would share answers by similarity alone, so it is the exactness that keeps them apart", async () => {
    let alike = 0;
    for (const { one, other } of misses) if ((await cosineOf(one, other)) >= 0.92) alike += 1;
    expect(alike).toBeGreaterThan(20);
  });

  it.each(DRESS)("share one when only the dress differs: %s | %s", async (one, other) => {
    expect(await shares(one, other)).toBe(true);
    expect(await shares(other, one)).toBe(true);
  });

  it("share one in some other words, and in those that a deployment holds for the same", async () => {
    expect(DRESS.length + FREE.length).toBeGreaterThanOrEqual(60);
    const found = await Promise.all(FREE.map(([one, other]) => shares(one, other)));
    expect(found.filter(Boolean).length).toBeGreaterThanOrEqual(7);
    const parcel = ["When will my parcel arrive?", "When will my package arrive?"] as const;
    expect(await shares(...parcel)).toBe(false);
    expect(await shares(...parcel, [["package", "parcel"]])).toBe(true);
    expect(await shares("Cancel parcel 1", "Cancel package 2", [["package", "parcel"]])).toBe(false);
  });

  it("are told apart over whole columns of numbers and of names", async () => {
    const cache = new SemanticCache();
    const ask = (n: number): string => `What did customer ${n} pay for order ORD-${90_000 - n}?`;
    for (let n = 0; n < 200; n += 1) await keep(cache, turnOf(ask(n)), answerOf(`answer ${n}`));
    for (let n = 0; n < 200; n += 1) expect(await hit(cache, turnOf(ask(n)))).toBe(`answer ${n}`);
    expect(await hit(cache, turnOf(ask(200)))).toBeUndefined();
  });
});

describe("a message", () => {
  it.each([
    ["", ""],
    ["?!", ""],
    ["Hello", "hello"],
    ["Thanks!", "thanks"],
    ["please", "please"],
    ["one two", "1 2"],
    ["two thousand three hundred and forty-one lamps", "2341 lamps"],
    ["$3.50 and 3.50", "$ 3.5 and 3.50"],
    ["12.345,67", "12.345,67"],
    ["ｆｕｌｌ width １２", "full width 12"],
    ["or\u200bder", "order"],
  ])("%j reads as %j", (message, signature) => {
    expect(readQuestion(message).signature).toBe(signature);
  });

  it.each([
    "What time is it?",
    "Is it open now?",
    "What did I order today?",
    "What is the date?",
    "due tomorrow",
    "Tell me the current time",
    "How late is it?",
    "Do you have the time?",
    "What did I order this week?",
    "What did I spend last month?",
    "What arrives next Monday?",
    "What is due in two days?",
    "Which orders are overdue?",
    "How many days until Christmas?",
    "Was habe ich heute bestellt?",
    "今日の注文は何ですか",
  ])("%j asks of the moment", (message) => {
    expect(asksOfTheMoment(readQuestion(message))).toBe(true);
  });

  it("of any kind is read without failing, and in time that grows with its length", () => {
    for (const piece of [
      "a ",
      "-",
      "please ",
      "1,",
      "tell me what is ",
      "'s ",
      "price of ",
      '"',
      "((",
      "\ud800",
    ]) {
      expect(typeof readQuestion(piece.repeat(8_000 / piece.length)).signature).toBe("string");
    }
  });
});

const shared = process.env["SHARED_DIR"];
const queries = shared === undefined ? "" : join(shared, "data", "tool-queries.jsonl");
if (existsSync(queries)) {
  it("of people who want different tools never share an answer", () => {
    const seen = new Map<string, string>();
    const wrong: string[] = [];
    for (const line of readFileSync(queries, "utf8").trim().split("\n")) {
      const { query, tool } = JSON.parse(line) as { query: string; tool: string };
      const { signature } = readQuestion(query);
      const other = seen.get(signature);
      if (other !== undefined && other !== tool) wrong.push(query);
      seen.set(signature, tool);
    }
    expect(seen.size).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });
}
