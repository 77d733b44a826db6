/**
 * A replica of an agent server, as a process that can be killed. It is told by a JSON argument and says `listening <port>`. Its agent calls a
 * tool, which writes down that it was called, and then says its pieces one after another, each with the time at which it was said.
 */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { getRequestListener } from "@hono/node-server";
import { type ResolvedModel, PostgresConversationStore, agentMigrations, buildAgent } from "@deputize/agent";
import { type StoreSecrets, openStore } from "@deputize/store";
import { z } from "zod";
import { serverMigrations } from "../../a2a/task-store.ts";
import { authenticatorChain, jwtAuthenticator } from "../../authenticators/index.ts";
import { listen } from "../../lifecycle/index.ts";
import { type AgentServer, createAgentServer } from "../create-agent-server.ts";

export interface ReplicaOrder {
  readonly url: string;
  readonly secrets: StoreSecrets;
  readonly rolePrefix: string;
  /** Of the tokens. */
  readonly secret: string;
  /** Each call of the tool is a line of this file. */
  readonly effects: string;
  readonly pieces: number;
  readonly pieceMs: number;
  readonly concurrent: number;
  readonly leaseMs: number;
}

const USAGE = {
  inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 10, text: 10, reasoning: undefined },
} as const;

/** Calls `note` with what the person said, then says `pieces` pieces. */
function pacedModel({ pieces, pieceMs }: Pick<ReplicaOrder, "pieces" | "pieceMs">): ResolvedModel {
  async function* parts(
    said: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<LanguageModelV4StreamPart> {
    yield { type: "stream-start", warnings: [] };
    if (said !== undefined) {
      yield { type: "tool-call", toolCallId: "c1", toolName: "note", input: JSON.stringify({ text: said }) };
      yield { type: "finish", finishReason: { unified: "tool-calls", raw: undefined }, usage: USAGE };
      return;
    }
    yield { type: "text-start", id: "t" };
    for (let n = 0; n < pieces; n++) {
      await new Promise((resolve) => setTimeout(resolve, pieceMs));
      signal?.throwIfAborted();
      yield { type: "text-delta", id: "t", delta: `${n}@${Date.now()} ` };
    }
    yield { type: "text-end", id: "t" };
    yield { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage: USAGE };
  }
  const model: LanguageModelV4 = {
    specificationVersion: "v4",
    provider: "deputize-testing",
    modelId: "paced",
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error("the paced model only streams")),
    async doStream({ prompt, abortSignal }) {
      const last = prompt.at(-1);
      const said =
        last?.role === "user"
          ? last.content.map((part) => ("text" in part ? part.text : "")).join("")
          : undefined;
      const each = parts(said, abortSignal);
      return {
        stream: new ReadableStream({
          async pull(controller) {
            const next = await each.next();
            if (next.done === true) controller.close();
            else controller.enqueue(next.value);
          },
        }),
      };
    },
  };
  return { model, name: "paced", offline: true };
}

const order = JSON.parse(process.argv[2] ?? "") as ReplicaOrder;
const store = await openStore({
  url: order.url,
  secrets: order.secrets,
  rolePrefix: order.rolePrefix,
  migrations: [agentMigrations, serverMigrations],
});
const agent = await buildAgent({
  name: "assistant",
  instructions: "Help.",
  model: pacedModel(order),
  conversations: new PostgresConversationStore(store),
  audit: { append: async () => "entry" },
  extraTools: [
    {
      name: "note",
      description: "Writes something down",
      input: z.strictObject({ text: z.string() }),
      call: async ({ args }) => {
        appendFileSync(order.effects, `${String(args["text"])}\n`);
        const label = { integrity: "trusted", readers: "public", source: "note" } as const;
        return { status: "done", content: { noted: true }, label, cards: [] };
      },
    },
  ],
});
let handle: AgentServer["fetch"] = () => new Response(null, { status: 503 });
const http = createServer(getRequestListener((request, env) => handle(request, env)));
const port = await listen(http, { port: 0, host: "127.0.0.1" });
const server = createAgentServer({
  agents: [agent],
  auth: { chain: authenticatorChain([jwtAuthenticator({ secret: order.secret })]) },
  audit: { append: async () => "entry" },
  publicUrl: `http://127.0.0.1:${port}`,
  store,
  limits: { leaseMs: order.leaseMs, runs: { concurrent: order.concurrent } },
});
handle = server.fetch;
http.on("upgrade", server.upgrade);
process.once("SIGTERM", () => {
  void server.close().then(async () => {
    http.closeAllConnections();
    http.close();
    await agent.close();
    await store.close();
    process.exit(0);
  });
});
process.stdout.write(`listening ${port}\n`);
