import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isDeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { cosine } from "./embedder.ts";
import { sentenceEmbedder, threaded, transformersEmbedder } from "./threaded-embedder.ts";

const embedder = sentenceEmbedder();

describe("the embedded sentence model", { timeout: 60_000 }, () => {
  it("finds meaning where no word is shared [PR-F37]", async () => {
    const [asked, near, far] = await Promise.all(
      ["How much does this laptop cost?", "The price of a notebook computer", "Feed my cat at noon"].map(
        (text) => embedder.embed(text),
      ),
    );
    expect(cosine(asked ?? [], near ?? [])).toBeGreaterThan(cosine(asked ?? [], far ?? []) + 0.2);
    expect(asked).toHaveLength(512);
    expect(Math.hypot(...(asked ?? []))).toBeCloseTo(1, 5);
  });

  it("gives a text the same vector alone and among others, and any text one", async () => {
    const texts = ["", "   ", "日本語 😀", "a".repeat(50_000), "\u0000\uD800", "Where is my order?"];
    const [together, alone] = await Promise.all([
      embedder.embedMany?.(texts),
      embedder.embed("Where is my order?"),
    ]);
    expect(together?.map((vector) => vector.length)).toEqual(texts.map(() => 512));
    expect(cosine(together?.[5] ?? [], alone)).toBeCloseTo(1, 5);
    expect(cosine(together?.[0] ?? [], alone)).toBe(0);
  });

  it("refuses what comes when too many texts wait, and goes on afterwards", async () => {
    const small = threaded("small", { kind: "use-lite" }, 20);
    const many = Array.from({ length: 40 }, (_, at) => small.embed(`${at}`));
    const settled = await Promise.allSettled(many);
    const refused = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every((reason) => isDeputizeError(reason, "unavailable"))).toBe(true);
    expect(await small.embed("after that")).toHaveLength(512);
  });

  it("does not keep a process alive, and ends with it", async () => {
    const program = `
      const { sentenceEmbedder } = await import(${JSON.stringify(new URL("./threaded-embedder.ts", import.meta.url).href)});
      let ticks = 0;
      const clock = setInterval(() => { ticks += 1; }, 5);
      const vector = await sentenceEmbedder().embed("hello");
      clearInterval(clock);
      console.log(JSON.stringify({ length: vector.length, loopWent: ticks > 5 }));`;
    const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    expect(JSON.parse((await run).stdout)).toEqual({ length: 512, loopWent: true });
  });
});

describe("an embedder of one's own model", () => {
  it("says what to install when the package that runs it is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "deputize-embedder-"));
    try {
      const asked = transformersEmbedder(folder).embed("hello");
      await expect(asked).rejects.toThrow(/npm install @huggingface\/transformers/);
      await expect(asked).rejects.toMatchObject({ code: "config_invalid" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
