/**
 * The tools, resources and prompts that the protocol's conformance suite expects, on our server. Everyone is one
 * fixed caller here: the suite tests the protocol, not who may do what.
 */
import { type Caller, type PrincipalId, stableId } from "@deputize/core";
import {
  type CallToolResult,
  type InputRequiredResult,
  type InputRequests,
  acceptedContent,
  inputRequired,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Authenticator, MCPServer, type ToolContext, contentResult, publicTool } from "../src/index.ts";

const CALLER: Caller = {
  tenant: "default",
  subject: stableId("service:conformance") as PrincipalId,
  subjectKind: "service",
  actors: [],
  roles: [],
  scopes: [],
  grants: [],
  clientId: "conformance",
};

const everyone: Authenticator = { name: "conformance", authenticate: async () => CALLER };

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const guards = [publicTool()];
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const text = (value: string): CallToolResult["content"][number] => ({ type: "text", text: value });
const answer = (...content: CallToolResult["content"]) => contentResult({ content });

type Context = ToolContext<"read">;
type Round = (
  context: Context,
) =>
  ReturnType<typeof answer> | InputRequiredResult | Promise<ReturnType<typeof answer> | InputRequiredResult>;

function ask(message: string, field: string, type: "string" | "boolean" = "string") {
  return inputRequired.elicit({
    message,
    requestedSchema: {
      type: "object",
      properties: { [field]: type === "string" ? { type: "string" } : { type: "boolean" } },
      required: [field],
    },
  });
}

const sampleRequest = (prompt: string) =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: prompt } }],
    maxTokens: 100,
  });

const responses = (context: Context) => context.input.responses as Parameters<typeof acceptedContent>[0];

/** Makes the fixture server. */
export function conformanceServer(): MCPServer {
  const server = new MCPServer({ name: "deputize-conformance", auth: everyone, sessions: true });
  simpleTools(server);
  legacyTools(server);
  inputTools(server);
  resources(server);
  prompts(server);
  return server;
}

function simpleTools(server: MCPServer): void {
  const tool = (name: string, run: Round) =>
    server.tool(
      name,
      { description: `Conformance fixture ${name}`, effect: "read", guards },
      (_args, context) => run(context),
    );

  tool("test_simple_text", () => answer(text("This is a simple text response for testing.")));
  tool("test_image_content", () => answer({ type: "image", data: PNG, mimeType: "image/png" }));
  tool("test_audio_content", () => answer({ type: "audio", data: WAV, mimeType: "audio/wav" }));
  tool("test_embedded_resource", () =>
    answer({
      type: "resource",
      resource: {
        uri: "test://embedded-resource",
        mimeType: "text/plain",
        text: "This is an embedded resource content.",
      },
    }),
  );
  tool("test_multiple_content_types", () =>
    answer(
      text("Multiple content types test:"),
      { type: "image", data: PNG, mimeType: "image/png" },
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: '{"test":"data","value":123}',
        },
      },
    ),
  );
  tool("test_error_handling", () =>
    contentResult({ content: [text("This tool intentionally returns an error for testing")], isError: true }),
  );
  tool("test_tool_with_progress", async (context) => {
    for (const progress of [0, 50, 100]) {
      await context.progress(progress, 100);
      await wait(50);
    }
    return answer(text("progress complete"));
  });
  for (const name of ["test_tool_with_logging", "test_logging_tool"]) {
    tool(name, async (context) => {
      await context.log("info", "Tool execution started");
      await wait(50);
      await context.log("info", "Tool processing data");
      await wait(50);
      await context.log("info", "Tool execution completed");
      return answer(text("logged"));
    });
  }
}

function legacyTools(server: MCPServer): void {
  server.tool(
    "test_sampling",
    { description: "Asks the client's model", effect: "read", guards, input: { prompt: z.string() } },
    async ({ prompt }, context) => {
      const reply = (await context.legacy.sample({
        messages: [{ role: "user", content: { type: "text", text: prompt } }],
        maxTokens: 100,
      })) as { content: { text?: string } };
      return answer(text(`LLM response: ${reply.content.text ?? ""}`));
    },
  );
  server.tool(
    "test_elicitation",
    { description: "Asks the person", effect: "read", guards, input: { message: z.string() } },
    async ({ message }, context) => {
      const reply = await context.legacy.elicit({
        message,
        requestedSchema: {
          type: "object",
          properties: {
            username: { type: "string", description: "User's response" },
            email: { type: "string", description: "User's email address" },
          },
          required: ["username", "email"],
        },
      });
      return answer(text(`User response: ${JSON.stringify(reply)}`));
    },
  );
  const elicits = (name: string, properties: Record<string, unknown>) =>
    server.tool(
      name,
      { description: `Conformance fixture ${name}`, effect: "read", guards },
      async (_args, context) => {
        const reply = (await context.legacy.elicit({
          message: "Please fill in the form",
          requestedSchema: { type: "object", properties },
        })) as { action: string; content?: unknown };
        return answer(
          text(
            `Elicitation completed: action=${reply.action}, content=${JSON.stringify(reply.content ?? {})}`,
          ),
        );
      },
    );
  elicits("test_elicitation_sep1034_defaults", {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", default: true },
  });
  const options = ["option1", "option2", "option3"];
  const titled = (titles: readonly string[]) => titles.map((title, i) => ({ const: `value${i + 1}`, title }));
  elicits("test_elicitation_sep1330_enums", {
    untitledSingle: { type: "string", enum: options },
    titledSingle: { type: "string", oneOf: titled(["First Option", "Second Option", "Third Option"]) },
    legacyEnum: {
      type: "string",
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["Option One", "Option Two", "Option Three"],
    },
    untitledMulti: { type: "array", items: { type: "string", enum: options } },
    titledMulti: {
      type: "array",
      items: { anyOf: titled(["First Choice", "Second Choice", "Third Choice"]) },
    },
  });
}

function inputTools(server: MCPServer): void {
  const tool = (name: string, run: Round) =>
    server.tool(
      name,
      { description: `Conformance fixture ${name}`, effect: "read", guards },
      (_args, context) => run(context),
    );
  const name = (context: Context, key: string) =>
    acceptedContent<{ name?: unknown }>(responses(context), key)?.name;

  tool("test_input_required_result_elicitation", (context) => {
    const given = name(context, "user_name");
    if (typeof given !== "string") {
      return inputRequired({ inputRequests: { user_name: ask("What is your name?", "name") } });
    }
    return answer(text(`Hello, ${given}!`));
  });
  tool("test_input_required_result_sampling", (context) =>
    responses(context)?.["capital_question"]
      ? answer(text(JSON.stringify(responses(context)?.["capital_question"])))
      : inputRequired({
          inputRequests: { capital_question: sampleRequest("What is the capital of France?") },
        }),
  );
  tool("test_input_required_result_list_roots", (context) =>
    responses(context)?.["client_roots"]
      ? answer(text(JSON.stringify(responses(context)?.["client_roots"])))
      : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } }),
  );
  for (const fixture of [
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
  ]) {
    tool(fixture, async (context) => {
      if (responses(context)?.["confirm"] && context.input.state<{ asked: boolean }>()?.asked) {
        return answer(text("state-ok"));
      }
      return inputRequired({
        inputRequests: { confirm: ask("Please confirm", "ok", "boolean") },
        requestState: await context.input.seal({ asked: true }),
      });
    });
  }
  tool("test_input_required_result_multiple_inputs", async (context) => {
    const given = responses(context) ?? {};
    if (["user_name", "greeting", "client_roots"].every((key) => key in given))
      return answer(text("got all inputs"));
    return inputRequired({
      inputRequests: {
        user_name: ask("What is your name?", "name"),
        greeting: sampleRequest("Generate a greeting"),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await context.input.seal({ asked: true }),
    });
  });
  tool("test_input_required_result_multi_round", async (context) => {
    const round = context.input.state<{ round: number }>()?.round ?? 0;
    if (round === 1 && responses(context)?.["step1"]) {
      return inputRequired({
        inputRequests: { step2: ask("Step 2: What is your favorite color?", "color") },
        requestState: await context.input.seal({ round: 2 }),
      });
    }
    if (round === 2 && responses(context)?.["step2"]) return answer(text("all rounds complete"));
    return inputRequired({
      inputRequests: { step1: ask("Step 1: What is your name?", "name") },
      requestState: await context.input.seal({ round: 1 }),
    });
  });
  tool("test_input_required_result_capabilities", (context) => {
    const { capabilities } = context.input;
    const inputRequests: InputRequests = {
      ...("sampling" in capabilities && { greeting: sampleRequest("Generate a greeting") }),
      ...("elicitation" in capabilities && { user_name: ask("What is your name?", "name") }),
    };
    return Object.keys(inputRequests).length > 0 && !responses(context)
      ? inputRequired({ inputRequests })
      : answer(text("nothing to ask"));
  });
  tool("test_streaming_elicitation", async (context) => {
    await context.progress(1, 2);
    return inputRequired({ inputRequests: { user_name: ask("What is your name?", "name") } });
  });
  // Asks for sampling whatever the client can do; the protocol layer must refuse where it cannot.
  tool("test_missing_capability", () => inputRequired({ inputRequests: { sample: sampleRequest("Hello") } }));
}

function resources(server: MCPServer): void {
  const fixture = (uri: string, mimeType: string, content: { text: string } | { blob: string }) =>
    server.resource(
      uri.replaceAll(/[^a-z]+/g, "_"),
      { uri, description: `Conformance fixture ${uri}`, mimeType, guards },
      () => content,
    );
  fixture("test://static-text", "text/plain", { text: "This is the content of the static text resource." });
  fixture("test://static-binary", "image/png", { blob: PNG });
  fixture("test://watched-resource", "text/plain", { text: "watched" });
  server.resourceTemplate(
    "template_data",
    {
      uriTemplate: "test://template/{id}/data",
      description: "Conformance fixture with a variable",
      mimeType: "application/json",
      guards,
    },
    ({ variables: { id = "" } }) => ({
      text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
    }),
  );
}

function prompts(server: MCPServer): void {
  const user = (content: CallToolResult["content"][number]) => ({ role: "user" as const, content });
  server.prompt(
    "test_simple_prompt",
    { description: "Conformance fixture without arguments", guards },
    () => "This is a simple prompt for testing.",
  );
  server.prompt(
    "test_prompt_with_arguments",
    {
      description: "Conformance fixture with arguments",
      guards,
      arguments: {
        arg1: z.string().describe("First test argument"),
        arg2: z.string().describe("Second test argument"),
      },
      complete: { arg1: (value) => ["paris", "park", "party"].filter((word) => word.startsWith(value)) },
    },
    ({ arg1, arg2 }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  );
  server.prompt(
    "test_prompt_with_embedded_resource",
    { description: "Conformance fixture with a resource", guards, arguments: { resourceUri: z.string() } },
    ({ resourceUri }) => ({
      messages: [
        user({
          type: "resource",
          resource: {
            uri: resourceUri,
            mimeType: "text/plain",
            text: "Embedded resource content for testing.",
          },
        }),
        user(text("Please process the embedded resource above.")),
      ],
    }),
  );
  server.prompt(
    "test_prompt_with_image",
    { description: "Conformance fixture with an image", guards },
    () => ({
      messages: [
        user({ type: "image", data: PNG, mimeType: "image/png" }),
        user(text("Please analyze the image above.")),
      ],
    }),
  );
  server.prompt(
    "test_input_required_result_prompt",
    { description: "Conformance fixture that asks first", guards },
    (_args, context) => {
      const given = acceptedContent<{ context?: string }>(responses(context), "user_context")?.context;
      if (given === undefined) {
        return inputRequired({
          inputRequests: { user_context: ask("What context should the prompt use?", "context") },
        });
      }
      return `Use this context: ${given}`;
    },
  );
}
