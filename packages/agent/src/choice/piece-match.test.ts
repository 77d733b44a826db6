import { describe, expect, it } from "vitest";
import { sentenceEmbedder } from "../embeddings/threaded-embedder.ts";
import { pieceMatch, placedPieces, withPieces } from "./piece-match.ts";
import { requestSpaceOf } from "./request-space.ts";
import { toolText } from "./tool-text.ts";
import { wordMatch } from "./word-match.ts";

const embedder = sentenceEmbedder();
const space = requestSpaceOf(embedder.name);

describe("pieces of requests and of tools", { timeout: 60_000 }, () => {
  it("finds the one telling word of a long request in a description that says it otherwise", async () => {
    const asked =
      "Could you please help me by providing a comprehensive and detailed overview of whether I will need my umbrella in Oslo?";
    const told = [
      "Forecasts of rain and wind for any city.",
      "Profiles of companies and of who works there.",
    ];
    const [request, ...tools] = (await embedder.pieces?.([asked, ...told])) ?? [];
    if (!request || !space.pieces) throw new Error("no pieces");
    const { pieces } = space;
    const here = placedPieces(pieces, request, "request");
    const [rain = 0, company = 0] = tools.map((tool) => pieceMatch(here, placedPieces(pieces, tool, "tool")));
    expect(rain).toBeGreaterThan(company);
  });

  it("says what a frequent piece counts, and nothing of a text without one", async () => {
    const [some, none] = (await embedder.pieces?.(["Can you help me with the umbrella?", "  "])) ?? [];
    expect(Math.min(...(some?.weights ?? []))).toBeLessThan(0.2);
    expect(Math.max(...(some?.weights ?? []))).toBeGreaterThan(0.8);
    expect(Math.hypot(...(some?.mean ?? []))).toBeCloseTo(1, 5);
    expect(none?.weights).toHaveLength(0);
    if (!some || !none || !space.pieces) throw new Error("no pieces");
    const empty = placedPieces(space.pieces, none, "tool");
    expect(pieceMatch(placedPieces(space.pieces, some, "request"), empty)).toBe(0);
  });

  it("compares the best by pieces and keeps the others behind them in their order", () => {
    const scores = Array.from({ length: 60 }, (_, at) => 60 - at);
    const after = withPieces(scores, (tool) => (tool === 40 ? 100 : 1));
    expect(after.indexOf(Math.max(...after))).toBe(40);
    expect(after.slice(48)).toEqual(scores.slice(48).map((score) => score + 1));
    expect(withPieces(scores, () => undefined)).toEqual(scores);
  });

  it("lets words that every request has count less than rare ones", () => {
    const tools = [
      toolText({ name: "a", description: "Detailed reports." }),
      toolText({ name: "b", description: "Umbrella reports." }),
    ];
    const [detailed = 0, umbrella = 0] = wordMatch("a detailed umbrella", tools, space.common);
    expect(umbrella).toBeGreaterThan(detailed);
  });
});
