/**
 * The client of an agent server: every route of it as a function, on Node, in browsers and at the edge.
 *
 * Guarantees: one identity, in a header or a socket's subprotocol, never in an address (auth.ts); what may have taken effect is sent once
 * (http.ts); streams go on behind their last event (follow.ts); what a server sends is read into the types that are promised here.
 */
import { type FileCalls, fileCalls } from "./files.ts";
import { type GraphCalls, graphCalls } from "./graph.ts";
import { type HttpOptions, type ServerHttp, createServerHttp } from "./http.ts";
import { type MemoryCalls, memoryCalls } from "./memories.ts";
import { type RealtimeInit, type RealtimeOptions, RealtimeSession } from "./realtime.ts";
import { type RunCalls, runCalls } from "./runs.ts";
import type { SocketOptions } from "./socket.ts";
import { type ThreadCalls, threadCalls } from "./threads.ts";
import { clientTools } from "./tools.ts";
import { type SocketCalls, socketCalls } from "./ws-stream.ts";

export interface AgentServerClientOptions extends HttpOptions, SocketOptions {}

/** All calls are functions of their own: they can be handed on without the client. */
export interface AgentServerClient
  extends GraphCalls, ThreadCalls, RunCalls, MemoryCalls, FileCalls, SocketCalls {
  /** The server's address, without a slash at its end. */
  readonly baseUrl: string;
  /** A conversation by voice, with agents that can hold one. */
  realtime(init?: RealtimeInit, options?: RealtimeOptions): RealtimeSession;
}

function callsOf(http: ServerHttp, options: AgentServerClientOptions): Omit<AgentServerClient, "baseUrl"> {
  const tools = clientTools();
  const sockets: SocketOptions = options.webSocketImpl ? { webSocketImpl: options.webSocketImpl } : {};
  return {
    ...graphCalls(http, tools, options),
    ...threadCalls(http),
    ...runCalls(http, options),
    ...memoryCalls(http),
    ...fileCalls(http),
    ...socketCalls(http, tools, sockets),
    realtime: (init = {}, more = {}) => new RealtimeSession(http, init, { ...sockets, ...more }),
  };
}

class Client {
  readonly baseUrl: string;

  constructor(options: AgentServerClientOptions) {
    const http = createServerHttp(options);
    this.baseUrl = http.base;
    Object.assign(this, callsOf(http, options));
  }
}

/** Throws `config_invalid` for a bad address, or for two identities at once. */
export const AgentServerClient = Client as new (options: AgentServerClientOptions) => AgentServerClient;
