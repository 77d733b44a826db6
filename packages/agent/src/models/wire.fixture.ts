/** For tests of models: what each provider sends, as its API's reference shows it. */

export interface Wire {
  readonly setting: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where a request goes. */
  readonly address: string;
  readonly key: readonly [header: string, value: string];
  readonly text: (pieces: readonly string[]) => readonly unknown[];
  /** A call of `get_order` with the id `c1`, its arguments in pieces where the provider sends pieces. */
  readonly call: (pieces: readonly string[]) => readonly unknown[];
  /** What tells that nothing more comes, last; without it an answer has broken off. */
  readonly ends: number;
  readonly error: (status: number, message: string) => unknown;
  /** An error within a stream that had begun. */
  readonly lateError: unknown;
}

export const KEY = "sk-secret-9f8e7d6c5b4a";
/** Of each answer: 7 tokens in, 3 out. */
export const TOKENS = { tokensIn: 7, tokensOut: 3 };

const openAiError = (status: number, message: string): unknown => ({
  error: {
    message,
    type: "invalid_request_error",
    param: null,
    code: status === 401 ? "invalid_api_key" : null,
  },
});

const responsesUsage = {
  input_tokens: 7,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 3,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 10,
};

function responses(item: object, deltas: readonly object[], done: object): readonly unknown[] {
  const response = { id: "resp_1", object: "response", created_at: 1, model: "m", output: [] };
  return [
    { type: "response.created", response: { ...response, status: "in_progress" } },
    { type: "response.in_progress", response: { ...response, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item },
    ...deltas,
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: { ...response, status: "completed", usage: responsesUsage } },
  ];
}

const RESPONSES: Pick<Wire, "text" | "call" | "ends" | "error" | "lateError"> = {
  text(pieces) {
    const message = { type: "message", id: "msg_1", role: "assistant" };
    const part = { type: "output_text", text: "", annotations: [] };
    const at = { item_id: "msg_1", output_index: 0, content_index: 0 };
    return responses(
      { ...message, status: "in_progress", content: [] },
      [
        { type: "response.content_part.added", ...at, part },
        ...pieces.map((delta) => ({ type: "response.output_text.delta", ...at, delta, logprobs: [] })),
        { type: "response.output_text.done", ...at, text: pieces.join("") },
      ],
      { ...message, status: "completed", content: [{ ...part, text: pieces.join("") }] },
    );
  },
  call(pieces) {
    const call = { type: "function_call", id: "fc_1", call_id: "c1", name: "get_order" };
    const at = { item_id: "fc_1", output_index: 0 };
    return responses(
      { ...call, status: "in_progress", arguments: "" },
      [
        ...pieces.map((delta) => ({ type: "response.function_call_arguments.delta", ...at, delta })),
        { type: "response.function_call_arguments.done", ...at, arguments: pieces.join("") },
      ],
      { ...call, status: "completed", arguments: pieces.join("") },
    );
  },
  ends: 1,
  error: openAiError,
  lateError: {
    type: "error",
    code: "server_error",
    message: `failed with ${KEY}`,
    param: null,
    sequence_number: 9,
  },
};

function chat(deltas: readonly object[], finish: string): readonly unknown[] {
  const chunk = (delta: object, finish_reason: string | null): unknown => ({
    id: "1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  return [
    chunk({ role: "assistant", content: "" }, null),
    ...deltas.map((delta) => chunk(delta, null)),
    chunk({}, finish),
    { id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage },
    "data: [DONE]\n\n",
  ];
}

const CHAT: Pick<Wire, "text" | "call" | "ends" | "error" | "lateError"> = {
  text: (pieces) =>
    chat(
      pieces.map((content) => ({ content })),
      "stop",
    ),
  call: (pieces) =>
    chat(
      [
        {
          tool_calls: [
            { index: 0, id: "c1", type: "function", function: { name: "get_order", arguments: "" } },
          ],
        },
        ...pieces.map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] })),
      ],
      "tool_calls",
    ),
  ends: 3,
  error: openAiError,
  lateError: { error: { message: `failed with ${KEY}`, type: "server_error", param: null, code: null } },
};

function messages(block: object, deltas: readonly object[], stop_reason: string): readonly unknown[] {
  const usage = { input_tokens: 7, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", content: [], model: "m", usage };
  return [
    { type: "message_start", message: { ...message, stop_reason: null, stop_sequence: null } },
    { type: "ping" },
    { type: "content_block_start", index: 0, content_block: block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 3 } },
    { type: "message_stop" },
  ];
}

function candidates(parts: readonly object[]): readonly unknown[] {
  const usageMetadata = { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 10 };
  return parts.map((part, index) => ({
    candidates: [
      {
        content: { role: "model", parts: [part] },
        index: 0,
        ...(index === parts.length - 1 && { finishReason: "STOP" }),
      },
    ],
    usageMetadata,
    modelVersion: "m",
    responseId: "r1",
  }));
}

export const WIRES: Readonly<Record<string, Wire>> = {
  OpenAI: {
    setting: "openai:gpt-5-mini",
    env: { OPENAI_API_KEY: KEY },
    address: "https://api.openai.com/v1/responses",
    key: ["authorization", `Bearer ${KEY}`],
    ...RESPONSES,
  },
  "Azure OpenAI": {
    setting: "azure:gpt-4.1",
    env: { AZURE_OPENAI_KEY: KEY, AZURE_OPENAI_ENDPOINT: "https://your-resource.openai.azure.com/" },
    address: "https://your-resource.openai.azure.com/openai/v1/responses",
    key: ["api-key", KEY],
    ...RESPONSES,
  },
  "Azure OpenAI by a dated version": {
    setting: "azure:gpt-4.1",
    env: {
      AZURE_OPENAI_KEY: KEY,
      AZURE_OPENAI_ENDPOINT: "https://your-resource.openai.azure.com/",
      AZURE_OPENAI_API_VERSION: "2025-03-01-preview",
    },
    address:
      "https://your-resource.openai.azure.com/openai/deployments/gpt-4.1/chat/completions?api-version=2025-03-01-preview",
    key: ["api-key", KEY],
    ...CHAT,
    error: (status, message) => ({ error: { code: String(status), message } }),
  },
  Anthropic: {
    setting: "anthropic:claude-sonnet-4-5",
    env: { ANTHROPIC_API_KEY: KEY },
    address: "https://api.anthropic.com/v1/messages",
    key: ["x-api-key", KEY],
    text: (pieces) =>
      messages(
        { type: "text", text: "" },
        pieces.map((text) => ({ type: "text_delta", text })),
        "end_turn",
      ),
    call: (pieces) =>
      messages(
        { type: "tool_use", id: "c1", name: "get_order", input: {} },
        pieces.map((partial_json) => ({ type: "input_json_delta", partial_json })),
        "tool_use",
      ),
    ends: 2,
    error: (status, message) => ({
      type: "error",
      error: { type: status === 529 ? "overloaded_error" : "invalid_request_error", message },
    }),
    lateError: { type: "error", error: { type: "overloaded_error", message: `Overloaded ${KEY}` } },
  },
  Google: {
    setting: "google:gemini-2.5-flash",
    env: { GOOGLE_GENERATIVE_AI_API_KEY: KEY },
    address:
      "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    key: ["x-goog-api-key", KEY],
    text: (pieces) => candidates(pieces.map((text) => ({ text }))),
    // Gemini sends a call whole.
    call: (pieces) =>
      candidates([{ functionCall: { id: "c1", name: "get_order", args: JSON.parse(pieces.join("")) } }]),
    ends: 1,
    error: (status, message) => ({ error: { code: status, message, status: "INVALID_ARGUMENT" } }),
    lateError: { error: { code: 503, message: `overloaded ${KEY}`, status: "UNAVAILABLE" } },
  },
  "an OpenAI-compatible server": {
    setting: "compatible:llama3.3",
    env: { DEPUTIZE_MODEL_URL: "http://localhost:11434/v1", DEPUTIZE_MODEL_API_KEY: KEY },
    address: "http://localhost:11434/v1/chat/completions",
    key: ["authorization", `Bearer ${KEY}`],
    ...CHAT,
    // llama.cpp's codes are numbers; Ollama and vLLM send the same members.
    error: (status, message) => ({ error: { code: status, message, type: "invalid_request_error" } }),
  },
};
