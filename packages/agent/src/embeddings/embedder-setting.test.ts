import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embedAll } from "./embedder.ts";
import { resolveEmbedder } from "./embedder-setting.ts";

const seen: {
  path: string | undefined;
  key: string | undefined;
  body: { model: string; input: string[] };
}[] = [];
let answers: "well" | "badly" | "elsewhere" = "well";
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const asked = JSON.parse(body) as { model: string; input: string[] };
  seen.push({ path: request.url, key: request.headers.authorization, body: asked });
  if (answers === "elsewhere") return response.writeHead(307, { location: "/v1/elsewhere" }).end();
  if (answers === "badly") return response.writeHead(401).end(JSON.stringify({ error: { message: "no" } }));
  const data = asked.input.map((text, index) => ({
    object: "embedding",
    index,
    embedding: [text.length, 1],
  }));
  return response.writeHead(200, { "content-type": "application/json" }).end(
    JSON.stringify({
      object: "list",
      data,
      model: asked.model,
      usage: { prompt_tokens: 1, total_tokens: 1 },
    }),
  );
});
let url = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(() => void server.close());

describe("the setting of the embedder [PR-F37]", () => {
  it("is the embedded model unless it says otherwise", () => {
    expect(resolveEmbedder({}).name).toBe("use-lite-1:512");
    expect(resolveEmbedder({ DEPUTIZE_EMBEDDER: "hashed" }).name).toBe("hashed-ngrams-1:512");
  });

  it("asks a server of OpenAI's wire form, with its key, many texts in one request", async () => {
    const embedder = resolveEmbedder({
      DEPUTIZE_EMBEDDER: "compatible:nomic",
      DEPUTIZE_EMBEDDER_URL: `${url}/`,
      DEPUTIZE_EMBEDDER_API_KEY: "k-1",
    });
    expect(await embedAll(embedder, ["abc", "de"])).toEqual([
      [3, 1],
      [2, 1],
    ]);
    expect(seen.at(-1)).toMatchObject({
      path: "/v1/embeddings",
      key: "Bearer k-1",
      body: { model: "nomic", input: ["abc", "de"] },
    });
    const openai = resolveEmbedder({
      DEPUTIZE_EMBEDDER: "openai:e-3",
      OPENAI_API_KEY: "k-2",
      OPENAI_BASE_URL: url,
    });
    expect(await openai.embed("four")).toEqual([4, 1]);
    expect([openai.name, seen.at(-1)?.key]).toEqual(["openai:e-3", "Bearer k-2"]);
  });

  it("fails in words that hold no key, and follows no redirect that would carry it away", async () => {
    const embedder = resolveEmbedder({
      DEPUTIZE_EMBEDDER: "compatible:nomic",
      DEPUTIZE_EMBEDDER_URL: url,
      DEPUTIZE_EMBEDDER_API_KEY: "k-secret",
    });
    for (const how of ["badly", "elsewhere"] as const) {
      answers = how;
      const failed = await embedder.embed("x").catch((error: unknown) => error as Error & { code: string });
      expect(failed).toMatchObject({ code: "unavailable" });
      expect(String((failed as Error).message)).not.toContain("k-secret");
    }
    expect(seen.some(({ path }) => path === "/v1/elsewhere")).toBe(false);
    answers = "well";
  });

  it("names the fix for a setting that cannot work, and does not repeat it", () => {
    const wrong = (env: Record<string, string>) => () => resolveEmbedder(env);
    expect(wrong({ DEPUTIZE_EMBEDDER: "sk-secret" })).toThrow(/must be `embedded`/);
    expect(wrong({ DEPUTIZE_EMBEDDER: "sk-secret" })).not.toThrow(/sk-secret/);
    expect(wrong({ DEPUTIZE_EMBEDDER: "local:" })).toThrow(/local:<folder>/);
    expect(wrong({ DEPUTIZE_EMBEDDER: "openai:e" })).toThrow(/OPENAI_API_KEY/);
    expect(wrong({ DEPUTIZE_EMBEDDER: "compatible:e" })).toThrow(/DEPUTIZE_EMBEDDER_URL/);
    expect(wrong({ DEPUTIZE_EMBEDDER: "compatible:e", DEPUTIZE_EMBEDDER_URL: "ftp://x" })).toThrow(/http/);
  });
});
