/**
 * `/v1/graph/ws`: asking an agent over a socket, one question after another.
 *
 * Guarantees: the credential and what it may are checked at the handshake and again for each frame [AF-F21]; when it expires or is taken
 * back the socket closes with 4401 within a second, and what runs ends [AF-F15]. Whoever has no good credential is told by a close with
 * 1008, since a page cannot read why a handshake failed. Sockets, frames, and what waits for a slow client are bounded.
 * Does not: go on with a run whose socket is gone: closing is leaving, and ends it.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type AuditLog, type RefusalCounter, auditEvent } from "@deputize/audit";
import { type Clock, DeputizeError, isDeputizeError, newId, withCaller, withContext } from "@deputize/core";
import { type WebSocket, WebSocketServer } from "ws";
import type { SourceAddress } from "../../authority-server/source-address.ts";
import { AuthRefused } from "../../authenticators/index.ts";
import type { Authorization } from "../authorization/authorization.ts";
import { type ErrorOptions, errorBody } from "../errors.ts";
import type { RunEngine } from "../runs/run-engine.ts";
import type { SignInWatches } from "../runs/sign-in-watch.ts";
import type { Limiter } from "../serve-route.ts";
import { type SignIn, type SignedIn, withIdentity } from "../sign-in.ts";
import { readFrame, socketChunks } from "./graph-frames.ts";
import { SOCKET_PROTOCOLS, type SocketRequestOptions, socketRequest } from "./socket-request.ts";
import type { Tickets } from "./tickets.ts";

const GRAPH_SOCKET_PATH = "/v1/graph/ws";
export const GRAPH_SOCKET_SCOPE = "graph:stream";

export interface GraphSocketOptions extends SocketRequestOptions {
  readonly engine: RunEngine;
  readonly defaultAgent: { readonly name: string };
  readonly signIn: SignIn;
  readonly authorization: Authorization;
  readonly watches: SignInWatches;
  readonly tickets: Tickets;
  readonly audit: Pick<AuditLog, "append">;
  readonly refusals: RefusalCounter;
  readonly errors: Omit<ErrorOptions, "requestId">;
  readonly clock: Clock;
  readonly source: SourceAddress;
  /** Counts handshakes and frames as it counts requests. */
  readonly limiter?: Limiter | undefined;
  readonly limits?: Partial<SocketLimits>;
}

export interface SocketLimits {
  /** Sockets at once; one more is closed with 1013. 1,000 unless set. */
  readonly maxConnections: number;
  /** Sockets of one person at once, so that nobody holds all; one more is closed with 1013. 50 unless set. */
  readonly perPerson: number;
  /** Bytes of a frame; a longer one closes with 1009. 262,144 unless set. */
  readonly frameBytes: number;
  /** How long a client may take nothing while something waits for it, in milliseconds. 60,000 unless set. */
  readonly stallMs: number;
  /** A socket that answers no ping within this is cut, in milliseconds. 30,000 unless set. */
  readonly pingMs: number;
}

const LIMITS: SocketLimits = {
  maxConnections: 1_000,
  perPerson: 50,
  frameBytes: 262_144,
  stallMs: 60_000,
  pingMs: 30_000,
};
/** What may wait for a slow client. */
const WAITING_BYTES = 262_144;
const DRAIN_LOOK_MS = 20;

/** Closes of our own (RFC 6455 §7.4.2). */
const CLOSE = { policy: 1008, going: 1001, busy: 1013, ended: 4401 } as const;

export interface GraphSocket {
  /** For `server.on("upgrade", …)`. Answers what is no handshake of ours. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

interface Connected extends SignedIn {
  readonly request: Request;
  readonly source: string;
}

export function graphSocket(options: GraphSocketOptions): GraphSocket {
  const { engine, authorization, audit, refusals, watches, clock, limiter } = options;
  const limits = { ...LIMITS, ...options.limits };
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.frameBytes,
    perMessageDeflate: false,
    clientTracking: true,
    handleProtocols: (offered) => SOCKET_PROTOCOLS.find((one) => offered.has(one)) ?? false,
  });
  let isClosing = false;
  const heldBy = new Map<string, number>();

  function upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    const path = (incoming.url ?? "").split("?", 1)[0];
    if (path !== GRAPH_SOCKET_PATH || isClosing) {
      refuse(socket, new DeputizeError(isClosing ? "unavailable" : "not_found", "there is nothing here"));
      return;
    }
    const source = options.source(incoming.socket.remoteAddress, headerOf(incoming, "x-forwarded-for"));
    const requestId = newId();
    void withContext({ requestId, source }, async () => {
      let read: ReturnType<typeof socketRequest>;
      try {
        await limiter?.before({ path: GRAPH_SOCKET_PATH, source });
        read = socketRequest(incoming, options);
      } catch (error) {
        await counted(error, source, requestId);
        refuse(socket, error);
        return;
      }
      // Its `error` is for the socket from here on.
      server.handleUpgrade(incoming, socket, head, (ws) => {
        ws.on("error", () => {});
        if (server.clients.size > limits.maxConnections) ws.close(CLOSE.busy, "SERVER_BUSY");
        else void admit(ws, read, source, requestId);
      });
    }).catch(() => socket.destroy());
  }

  /** A refusal before there is a socket, as HTTP. */
  function refuse(socket: Duplex, error: unknown): void {
    const { status, code } = errorBody(error, { ...options.errors, requestId: "none" });
    const challenge = status === 401 ? "WWW-Authenticate: Bearer\r\n" : "";
    const seconds = isDeputizeError(error) ? error.retryAfterSeconds : undefined;
    const retry = seconds === undefined ? "" : `Retry-After: ${Math.max(1, Math.ceil(seconds))}\r\n`;
    const body = JSON.stringify({ error: { code } });
    socket.end(
      `HTTP/1.1 ${status} Refused\r\n${challenge}${retry}Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  }

  /** Strangers are counted, and whoever is known has an entry (SR-19). */
  async function counted(error: unknown, source: string, requestId: string, who?: SignedIn): Promise<void> {
    const reason = String(errorBody(error, { ...options.errors, requestId })["code"]).toLowerCase();
    const what = {
      action: "server.request",
      outcome: "refused",
      reason,
      resource: `WS ${GRAPH_SOCKET_PATH}`,
    } as const;
    const entry = who ? auditEvent(who.caller, what) : { ...what, tenant: "default", requestId };
    await refusals.refused(entry, source);
  }

  /** Who asks, and that they may. Throws `AuthRefused`. */
  async function check(request: Request, source: string): Promise<Connected> {
    const who = await options.signIn(request, { transport: "ws", source });
    const { identity, caller } = who;
    if (identity) {
      const path = GRAPH_SOCKET_PATH;
      await authorization.authorize({
        caller,
        identity,
        scope: GRAPH_SOCKET_SCOPE,
        method: "GET",
        path,
        params: {},
      });
    }
    return { ...who, request, source };
  }

  async function admit(
    ws: WebSocket,
    { request, ticket }: ReturnType<typeof socketRequest>,
    source: string,
    requestId: string,
  ): Promise<void> {
    const early: string[] = [];
    const hold = (data: Buffer, isBinary: boolean): void => {
      // Nobody may make us keep much before we know them.
      if (isBinary || early.length > 0) ws.close(CLOSE.policy, "VALIDATION_ERROR");
      else early.push(data.toString("utf8"));
    };
    ws.on("message", hold);
    try {
      const headers = ticket === undefined ? request.headers : await options.tickets.redeem(ticket);
      const who = await check(new Request(request.url, { headers }), source);
      ws.off("message", hold);
      if (holds(ws, who)) serve(ws, who, early);
      else ws.close(CLOSE.busy, "LIMIT_EXCEEDED");
    } catch (error) {
      ws.close(CLOSE.policy, codeOf(error));
      await counted(error, source, requestId).catch(() => {});
    }
  }

  /** Counts a socket for its person. False when they have too many. Where nobody is asked who they are, nobody is counted. */
  function holds(ws: WebSocket, { identity }: Connected): boolean {
    if (!identity) return true;
    const person = JSON.stringify([identity.issuer, identity.tenantId, identity.userId]);
    const held = heldBy.get(person) ?? 0;
    if (held >= limits.perPerson) return false;
    heldBy.set(person, held + 1);
    ws.once("close", () => {
      const left = (heldBy.get(person) ?? 1) - 1;
      if (left > 0) heldBy.set(person, left);
      else heldBy.delete(person);
    });
    return true;
  }

  function serve(ws: WebSocket, first: Connected, early: readonly string[]): void {
    const left = new AbortController();
    let working = false;
    let isAlive = true;
    const unwatch = watches.of(first.request, { ...first, transport: "ws" })?.((reason) =>
      ws.close(CLOSE.ended, codeOf(reason)),
    );
    const ping = setInterval(() => {
      if (!isAlive) ws.terminate();
      isAlive = false;
      ws.ping();
    }, limits.pingMs);
    ws.on("pong", () => {
      isAlive = true;
    });
    ws.on("close", () => {
      clearInterval(ping);
      unwatch?.();
      left.abort();
    });

    async function send(value: unknown): Promise<void> {
      const until = clock.monotonicMs() + limits.stallMs;
      while (ws.readyState === ws.OPEN && ws.bufferedAmount > WAITING_BYTES) {
        if (clock.monotonicMs() > until) ws.terminate();
        await sleep(DRAIN_LOOK_MS);
      }
      if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(value));
    }

    async function onFrame(text: string): Promise<void> {
      const requestId = newId();
      if (working) {
        // Nothing waits here: whoever sends on and on without reading would have all of it kept.
        if (ws.bufferedAmount > WAITING_BYTES) ws.terminate();
        else if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(failure(busy(), requestId)));
        return;
      }
      working = true;
      try {
        const asked = { path: GRAPH_SOCKET_PATH, source: first.source };
        await limiter?.before(asked);
        const who = await check(first.request, first.source);
        if (who.caller.subject !== first.caller.subject || who.caller.tenant !== first.caller.tenant)
          throw new DeputizeError("invalid_token", "the credential is somebody else's by now");
        await limiter?.after(asked, who);
        await withContext({ requestId, source: first.source }, () =>
          withCaller(who.caller, () => withIdentity(who.identity, () => answer(who, text, requestId))),
        );
      } catch (error) {
        if (error instanceof AuthRefused || (isDeputizeError(error) && error.status === 401)) {
          await counted(error, first.source, requestId, first).catch(() => {});
          // What may not be asked is an answer; who may not ask any more is told so by the end.
          if (error.status === 401) ws.close(CLOSE.ended, codeOf(error));
        }
        if (isDeputizeError(error) ? error.status >= 500 : true) options.errors.log?.(error, requestId);
        await send(failure(error, requestId));
      } finally {
        working = false;
      }
    }

    async function answer(who: Connected, text: string, requestId: string): Promise<void> {
      const asked = readFrame(text);
      const { caller } = who;
      await audit.append(
        auditEvent(caller, {
          action: "server.request",
          outcome: "allowed",
          resource: `WS ${GRAPH_SOCKET_PATH}`,
          detail: { scope: GRAPH_SOCKET_SCOPE },
        }),
      );
      const watch = watches.of(who.request, { ...who, transport: "ws" });
      const run = await engine.start({
        caller,
        agentCaller: { caller, authority: who.authority },
        ...(watch && { watch }),
        agent: asked.agent ?? options.defaultAgent.name,
        message: asked.message,
        ...(asked.threadId !== undefined && { threadId: asked.threadId }),
        runOptions: { requestId },
      });
      const toChunks = socketChunks(run, clock);
      for await (const event of engine.follow(caller, run.id, { signal: left.signal }))
        for (const chunk of toChunks(event)) await send(chunk);
      if (left.signal.aborted) await engine.cancel(caller, run.id);
    }

    const take = (text: string): void => void onFrame(text).catch(() => ws.terminate());
    ws.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) ws.close(1003, "VALIDATION_ERROR");
      else take(data.toString("utf8"));
    });
    for (const text of early) take(text);
  }

  function failure(error: unknown, requestId: string): Readonly<Record<string, unknown>> {
    const { error: body, metadata } = errorBody(error, { ...options.errors, requestId });
    const timestamp = new Date(clock.nowMs()).toISOString();
    return {
      event: "error",
      message: null,
      state: null,
      data: { error: body },
      thread_id: null,
      run_id: null,
      metadata,
      timestamp,
    };
  }

  function codeOf(error: unknown): string {
    return String(errorBody(error, { ...options.errors, requestId: "none" })["code"]);
  }

  return {
    upgrade,
    async close() {
      isClosing = true;
      for (const ws of server.clients) ws.close(CLOSE.going, "SERVER_BUSY");
      await Promise.race([
        Promise.all([...server.clients].map((ws) => new Promise((resolve) => ws.once("close", resolve)))),
        sleep(1_000),
      ]);
      for (const ws of server.clients) ws.terminate();
      server.close();
    },
  };
}

const busy = (): DeputizeError =>
  new DeputizeError("conflict", "one question at a time; wait for the answer");

function headerOf(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === "string" ? value : undefined;
}
