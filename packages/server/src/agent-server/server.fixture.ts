/** An agent server over real HTTP for tests: agents that play a script, tokens of a shared secret, a log that is kept in memory. */
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { type BuiltAgent, InMemoryConversationStore, buildAgent } from "@deputize/agent";
import { type Script, scriptedModel } from "@deputize/agent/testing";
import type { AuditEvent } from "@deputize/audit";
import { type Clock, systemClock } from "@deputize/core";
import { SignJWT } from "jose";
import { authenticatorChain, jwtAuthenticator } from "../authenticators/index.ts";
import { listen, stopListening } from "../lifecycle/index.ts";
import { type AgentServer, type AgentServerOptions, createAgentServer } from "./create-agent-server.ts";
import type { ServerAuth } from "./sign-in.ts";

export const SECRET = "a-secret-of-the-tests-with-more-than-32-bytes";

export interface TokenFacts {
  readonly userId?: string | undefined;
  readonly roles?: readonly string[];
  readonly scope?: string;
  readonly tenant?: string;
  readonly expires?: string | number | Date;
  readonly secret?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A token as the guide makes one. */
export function token({
  userId = "user123",
  roles,
  scope,
  expires = "1h",
  secret = SECRET,
  claims,
}: TokenFacts = {}) {
  return new SignJWT({
    ...(userId !== "" && { user_id: userId }),
    ...(roles && { roles: [...roles] }),
    ...(scope !== undefined && { scope }),
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret));
}

export function jwtAuth(more: Partial<ServerAuth> = {}): ServerAuth {
  return { chain: authenticatorChain([jwtAuthenticator({ secret: SECRET })]), ...more };
}

/** An agent whose model answers each turn with the next of `script`, or `Echo: …` without one. */
export function testAgent(
  script?: Script,
  more: Partial<Parameters<typeof buildAgent>[0]> = {},
): Promise<BuiltAgent> {
  const echo: Script = Array.from({ length: 200 }, () => ({ text: "Hello from the agent." }));
  return buildAgent({
    name: "assistant",
    description: "Helps.",
    instructions: "Help.",
    model: scriptedModel(script ?? echo),
    conversations: new InMemoryConversationStore(),
    audit: { append: async () => "entry" },
    ...more,
  });
}

export interface Running extends AgentServer {
  readonly url: string;
  /** What the log holds. */
  readonly log: AuditEvent[];
  /** A request as `name`, or with the token; JSON bodies are objects. */
  ask(
    path: string,
    how?: { method?: string; as?: string; bearer?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>;
  stop(): Promise<void>;
}

/** Starts a server on a free port. */
export async function startServer(
  options: Partial<AgentServerOptions> & { clock?: Clock } = {},
): Promise<Running> {
  const log: AuditEvent[] = [];
  let upgrade: AgentServer["upgrade"] | undefined;
  let handle: AgentServer["fetch"] = () => new Response(null, { status: 503 });
  const http = createServer(getRequestListener((request, env) => handle(request, env)));
  http.on("upgrade", (request, socket, head) => upgrade?.(request, socket, head));
  const port = await listen(http, { port: 0, host: "127.0.0.1" });
  const url = `http://127.0.0.1:${port}`;
  const server = createAgentServer({
    agents: options.agents ?? [await testAgent()],
    auth: jwtAuth(),
    audit: {
      append: async (event) => {
        log.push(event);
        return `entry-${log.length}`;
      },
    },
    publicUrl: url,
    clock: systemClock,
    ...options,
  });
  handle = server.fetch;
  upgrade = server.upgrade;
  return {
    ...server,
    url,
    log,
    ask: async (path, { method = "GET", as, bearer, body, headers = {} } = {}) => {
      const held = bearer ?? (as === undefined ? undefined : await token({ userId: as }));
      return fetch(`${url}${path}`, {
        method,
        headers: {
          ...(held !== undefined && { authorization: `Bearer ${held}` }),
          ...(body !== undefined && typeof body !== "string" && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
    },
    stop: async () => {
      await server.close();
      await stopListening(http, 200);
      await Promise.all((options.agents ?? []).map((agent) => agent.close()));
    },
  };
}
