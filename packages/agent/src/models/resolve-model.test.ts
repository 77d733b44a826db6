import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isDeputizeError } from "@deputize/core";
import { modelStep } from "../loop/model-step.ts";
import { modelFrom, resolveModel } from "./resolve-model.ts";

interface Seen {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: {
    readonly model: string;
    readonly tools?: { readonly function: { readonly name: string } }[];
    readonly stream?: boolean;
  };
}

let server: Server;
let url: string;
const seen: Seen[] = [];

async function bodyOf(request: IncomingMessage): Promise<Seen["body"]> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as Seen["body"];
}

/** A server that speaks the chat completions protocol: a tool call first, and text once a result is there. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    seen.push({ url: request.url, authorization: request.headers.authorization, body });
    response.writeHead(200, { "content-type": "text/event-stream" });
    const chunk = (delta: object, finish: string | null, extra: object = {}): void => {
      const choices = [{ index: 0, delta, finish_reason: finish }];
      response.write(
        `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: body.model, choices, ...extra })}\n\n`,
      );
    };
    if (JSON.stringify(body).includes('"role":"tool"')) {
      chunk({ role: "assistant", content: "It is " }, null);
      chunk({ content: "on its way." }, null);
      chunk({}, "stop", { usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } });
    } else {
      const call = {
        index: 0,
        id: "c1",
        type: "function",
        function: { name: "get_order", arguments: '{"limit":1}' },
      };
      chunk({ role: "assistant", tool_calls: [call] }, null);
      chunk({}, "tool_calls", { usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } });
    }
    response.end("data: [DONE]\n\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const tools = [
  { name: "get_order", description: "An order.", inputSchema: { type: "object" as const, properties: {} } },
];

describe("a model by name", () => {
  it("talks to any OpenAI-compatible server: tools, streamed text, tokens", async () => {
    const model = resolveModel({
      DEPUTIZE_MODEL: "compatible:llama3.3",
      DEPUTIZE_MODEL_URL: `${url}/`,
    });
    const { name, offline } = model;
    expect({ name, offline }).toEqual({ name: "compatible:llama3.3", offline: false });
    const said: string[] = [];
    const request = {
      model,
      instructions: "Help.",
      tools,
      signal: AbortSignal.timeout(5_000),
      onText: (text: string) => said.push(text),
    };
    const question = { role: "user" as const, content: "Where is it?" };
    const first = await modelStep({ ...request, messages: [question] });
    expect(first.calls).toMatchObject([{ tool: "get_order", args: { limit: 1 }, modelCallId: "c1" }]);
    const result = {
      type: "tool-result" as const,
      toolCallId: "c1",
      toolName: "get_order",
      output: { type: "json" as const, value: {} },
    };
    const second = await modelStep({
      ...request,
      messages: [question, ...first.messages, { role: "tool", content: [result] }],
    });
    expect(second).toMatchObject({ text: "It is on its way.", calls: [], tokensIn: 7, tokensOut: 3 });
    expect(said).toEqual(["It is ", "on its way."]);
    expect(seen[0]).toMatchObject({
      url: "/v1/chat/completions",
      authorization: undefined,
      body: { model: "llama3.3", stream: true },
    });
    expect(seen[0]?.body.tools?.[0]?.function.name).toBe("get_order");
  });

  it("sends the key that the environment gives, and shows it nowhere", async () => {
    const resolved = resolveModel({
      DEPUTIZE_MODEL: "compatible:m",
      DEPUTIZE_MODEL_URL: url,
      DEPUTIZE_MODEL_API_KEY: "sk-secret-value",
    });
    await modelStep({
      model: resolved,
      instructions: "x",
      messages: [{ role: "user", content: "y" }],
      tools: [],
      signal: AbortSignal.timeout(5_000),
      onText: () => {},
    });
    expect(seen.at(-1)?.authorization).toBe("Bearer sk-secret-value");
    expect(resolved.name).not.toContain("secret");
  });

  it.each([
    ["openai:gpt-5-mini", { OPENAI_API_KEY: "k" }],
    [
      "azure:my-deployment",
      { AZURE_OPENAI_API_KEY: "k", AZURE_OPENAI_ENDPOINT: "https://x.openai.azure.com" },
    ],
    ["azure:my-deployment", { AZURE_OPENAI_KEY: "k", AZURE_OPENAI_ENDPOINT: "https://x.openai.azure.com/" }],
    ["anthropic:claude-sonnet", { ANTHROPIC_API_KEY: "k" }],
    ["google:gemini-flash", { GOOGLE_GENERATIVE_AI_API_KEY: "k" }],
  ])("makes %s from its keys", (setting, env) => {
    const { model, name } = resolveModel({ DEPUTIZE_MODEL: setting, ...env });
    expect(name).toBe(setting);
    expect(model.specificationVersion).toBe("v4");
    expect(model.modelId).toBe(setting.split(":")[1]);
  });

  it("answers offline when nothing is set", () => {
    for (const env of [
      {},
      { DEPUTIZE_MODEL: "offline" },
      { DEPUTIZE_MODEL: "  " },
      { LLM_PROVIDER: "scripted" },
    ]) {
      expect(resolveModel(env)).toMatchObject({ name: "offline", offline: true });
    }
  });

  it("reads the older names", () => {
    expect(resolveModel({ LLM_PROVIDER: "openai", LLM_MODEL: "gpt-5-mini", OPENAI_API_KEY: "k" }).name).toBe(
      "openai:gpt-5-mini",
    );
    expect(
      resolveModel({
        LLM_PROVIDER: "azure",
        AZURE_OPENAI_DEPLOYMENT: "d",
        AZURE_OPENAI_KEY: "k",
        AZURE_OPENAI_ENDPOINT: "https://x.openai.azure.com",
      }).name,
    ).toBe("azure:d");
  });

  it("asks Azure by the deployment's name, which a default of LLM_MODEL does not hide", () => {
    const azure = {
      LLM_PROVIDER: "azure",
      AZURE_OPENAI_DEPLOYMENT: "my-deployment",
      AZURE_OPENAI_KEY: "k",
      AZURE_OPENAI_ENDPOINT: "https://x.openai.azure.com",
    };
    for (const LLM_MODEL of ["gpt-4.1", "", undefined])
      expect(resolveModel({ ...azure, LLM_MODEL }).name).toBe("azure:my-deployment");
  });

  it.each([
    ["https://x.openai.azure.com/", undefined, "https://x.openai.azure.com/openai/v1/responses"],
    ["https://x.openai.azure.com/openai", "v1", "https://x.openai.azure.com/openai/v1/responses"],
    ["https://gateway.example/azure/openai/v1/", "v1", "https://gateway.example/azure/openai/v1/responses"],
    [
      "https://gateway.example/azure",
      "2025-03-01-preview",
      "https://gateway.example/azure/openai/deployments/d/chat/completions?api-version=2025-03-01-preview",
    ],
  ])("finds Azure at %s with version %s", async (endpoint, version, address) => {
    const asked: string[] = [];
    const model = modelFrom(
      "azure:d",
      { AZURE_OPENAI_KEY: "k", AZURE_OPENAI_ENDPOINT: endpoint, AZURE_OPENAI_API_VERSION: version },
      {
        fetch: async (input) => {
          asked.push(String(input));
          return new Response("{}", { status: 400 });
        },
      },
    );
    await Promise.resolve(model.model.doStream({ prompt: [] })).catch(() => {});
    expect(asked).toEqual([address]);
  });

  it("takes a setting by itself, with the price that its host pays", () => {
    const price = { inputPerMillion: 0.25, outputPerMillion: 2 };
    expect(modelFrom("openai:gpt-5-mini", { OPENAI_API_KEY: "k" }, { price })).toMatchObject({
      name: "openai:gpt-5-mini",
      offline: false,
      price,
    });
    expect(modelFrom("offline", {})).toMatchObject({ offline: true, price: { inputPerMillion: 0 } });
  });

  it.each([
    ["no key", { DEPUTIZE_MODEL: "openai:gpt-5-mini" }, /OPENAI_API_KEY/],
    ["an empty key", { DEPUTIZE_MODEL: "anthropic:claude", ANTHROPIC_API_KEY: " " }, /ANTHROPIC_API_KEY/],
    ["no endpoint", { DEPUTIZE_MODEL: "azure:d", AZURE_OPENAI_KEY: "k" }, /AZURE_OPENAI_ENDPOINT/],
    ["no address", { DEPUTIZE_MODEL: "compatible:m" }, /DEPUTIZE_MODEL_URL/],
    ["an address that is none", { DEPUTIZE_MODEL: "compatible:m", DEPUTIZE_MODEL_URL: "localhost" }, /http/],
    ["an unknown provider", { DEPUTIZE_MODEL: "acme:m" }, /openai, azure, anthropic, google, compatible/],
    ["no model", { DEPUTIZE_MODEL: "openai:" }, /<provider>:<model>/],
    ["a provider alone", { DEPUTIZE_MODEL: "openai" }, /<provider>:<model>/],
    ["half of the older names", { LLM_PROVIDER: "openai" }, /LLM_MODEL/],
  ])("refuses %s with the fix in the message", (_, env, expected) => {
    let error: unknown;
    try {
      resolveModel(env);
    } catch (thrown) {
      error = thrown;
    }
    expect(isDeputizeError(error, "config_invalid")).toBe(true);
    expect(String(error)).toMatch(expected);
  });

  it("does not repeat what was set: it may be a key in the wrong place", () => {
    const said = (() => {
      try {
        return resolveModel({ DEPUTIZE_MODEL: "sk-proj-secret" }).name;
      } catch (error) {
        return String(error);
      }
    })();
    expect(said).toContain("DEPUTIZE_MODEL");
    expect(said).not.toContain("sk-proj");
  });
});

describe("the price", () => {
  const env = { DEPUTIZE_MODEL: "openai:gpt-5-mini", OPENAI_API_KEY: "k" };

  it("comes from the setting, in dollars for a million tokens", () => {
    expect(resolveModel({ ...env, DEPUTIZE_MODEL_PRICE: "0.25/2" }).price).toEqual({
      inputPerMillion: 0.25,
      outputPerMillion: 2,
    });
    expect(resolveModel(env).price).toBeUndefined();
  });

  it.each(["0.25", "free", "1/-2", "1/2/3", "/2"])("is not %j", (DEPUTIZE_MODEL_PRICE) => {
    expect(() => resolveModel({ ...env, DEPUTIZE_MODEL_PRICE })).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });
});
