/** For tests: an agent server over real HTTP whose agent plays a script, and the protocol's own client before it. */
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from "@a2a-js/sdk/client";
import { type Message, Role, type SendMessageRequest } from "@a2a-js/sdk";
import type { BuiltAgent, TurnEvent, TurnRequest } from "@deputize/agent";
import { newId } from "@deputize/core";
import type { AgentServerOptions } from "../agent-server/create-agent-server.ts";
import { a2aRoutes, type A2aRoutesOptions } from "../agent-server/a2a/a2a-routes.ts";
import { type Running, jwtAuth, startServer, token } from "../agent-server/server.fixture.ts";
import { type ScriptedAgent, scriptedAgent } from "../testing.ts";
import { type CardSigner, cardSigner } from "./card-signature.ts";
import { ed25519 } from "./card.fixture.ts";

export const done: TurnEvent = { event: "done", data: { status: "done" } };

export interface Served extends Running {
  readonly agent: ScriptedAgent;
  readonly signer: CardSigner;
  readonly agentUrl: string;
  /** The protocol's own client, for a user. */
  client(user: string, path?: string): Promise<Client>;
  /** One call as JSON; the answer's body, whatever it is. */
  rpc(user: string | undefined, call: object | string, headers?: Record<string, string>): Promise<RpcAnswer>;
}

export interface RpcAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly jsonrpc?: string;
    readonly id?: unknown;
    readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
    readonly result?: Record<string, never> & { task?: { id: string; status: { state: string } } };
  };
}

/** The built agent around a core that plays a script. */
export function builtAround(core: ScriptedAgent): BuiltAgent {
  const { name, description, model } = core;
  return {
    name,
    description,
    model,
    core,
    audience: undefined,
    close: async () => {},
  } as unknown as BuiltAgent;
}

export async function serve(
  play: (request: TurnRequest) => AsyncIterable<TurnEvent>,
  more: Partial<A2aRoutesOptions> & { server?: Partial<AgentServerOptions> } = {},
): Promise<Served> {
  const agent = scriptedAgent("assistant", play);
  const signer = await cardSigner({ keys: [ed25519()] });
  const auth = jwtAuth();
  const { server: serverOptions, ...options } = more;
  const running = await startServer({
    agents: [builtAround(agent)],
    auth,
    routes: (parts) =>
      a2aRoutes(parts, {
        chain: auth.chain,
        signer,
        cards: {
          assistant: {
            version: "2.1.0",
            skills: [
              { id: "help", name: "Help", description: "helps", tags: ["help", "support"] },
              { id: "refund", name: "Refund", description: "refunds", forCallers: true },
            ],
          },
        },
        ...options,
      }),
    ...serverOptions,
  });
  const agentUrl = `${running.url}/a2a/assistant`;
  return {
    ...running,
    agent,
    signer,
    agentUrl,
    async client(user, path = "/a2a/assistant/.well-known/agent-card.json") {
      const bearer = await token({ userId: user });
      const fetchImpl: typeof fetch = (input, init) => {
        const headers = new Headers(init?.headers);
        headers.set("authorization", `Bearer ${bearer}`);
        return fetch(input, { ...init, headers });
      };
      const factory = new ClientFactory({
        transports: [new JsonRpcTransportFactory({ fetchImpl })],
        cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
      });
      return factory.createFromUrl(`${running.url}${path}`, "");
    },
    async rpc(user, call, headers = {}) {
      const response = await running.ask("/a2a/assistant", {
        method: "POST",
        ...(user !== undefined && { as: user }),
        headers: { "a2a-version": "1.0", "content-type": "application/json", ...headers },
        body:
          typeof call === "string" ? call : JSON.stringify({ jsonrpc: "2.0", id: 1, params: {}, ...call }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: JSON.parse(text || "{}") as never };
    },
  };
}

/** A message of a user, as the client sends it. */
export function said(text: string, more: Partial<Message> = {}): SendMessageRequest {
  return {
    tenant: "",
    metadata: undefined,
    configuration: undefined,
    message: {
      messageId: newId(),
      contextId: "",
      taskId: "",
      role: Role.ROLE_USER,
      parts: [
        { content: { $case: "text", value: text }, mediaType: "text/plain", filename: "", metadata: {} },
      ],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
      ...more,
    },
  };
}

/** The same as JSON, for calls that a test writes itself. */
export const sends = (over: object = {}, method = "SendMessage", more: object = {}): object => ({
  method,
  params: { message: { messageId: newId(), role: "ROLE_USER", parts: [{ text: "hi" }], ...over }, ...more },
});
