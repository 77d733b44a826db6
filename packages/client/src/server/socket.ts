/**
 * Sockets to an agent server: opening one with the credential, and reading what comes as a queue.
 *
 * Guarantees: the token rides in the subprotocol, never in the address [AF-D15]. A close by the server that is no plain end is an error
 * of its kind: 4401 and 1008 are those of the credential. What is waiting to be read has a bound.
 */
import { DeputizeError } from "@deputize/core/portable";
import { TransportError } from "../sdk/transport-error.ts";
import type { Credential } from "./auth.ts";
import { serverError } from "./errors.ts";
import type { ServerHttp } from "./http.ts";

/** The part of `WebSocket` that is used here. */
export type SocketClass = typeof WebSocket;

export interface SocketOptions {
  /** For where there is no global `WebSocket`. */
  readonly webSocketImpl?: SocketClass;
}

const PROTOCOL = "agentflow-bearer";
/** Messages that were not read yet. */
const MOST_WAITING = 10_000;

export interface OpenSocket {
  readonly socket: WebSocket;
  /** By which it was opened. */
  readonly credential: Credential | undefined;
}

/** Resolves when it is open. Throws `config_invalid` where a socket cannot carry the credential, `TransportError` when it is refused. */
export async function openSocket(
  http: Pick<ServerHttp, "base" | "credentials">,
  path: string,
  {
    webSocketImpl,
    signal,
    refused,
  }: SocketOptions & {
    readonly signal?: AbortSignal | undefined;
    /** A credential that was not taken. */
    readonly refused?: Credential | undefined;
  },
): Promise<OpenSocket> {
  const Socket = webSocketImpl ?? globalThis.WebSocket;
  if (Socket === undefined)
    throw new DeputizeError("config_invalid", "there is no WebSocket here; give the client `webSocketImpl`");
  const credential = await http.credentials.current(refused);
  if (credential && credential.token === undefined)
    throw new DeputizeError("config_invalid", "a socket carries a bearer token and no other credential");
  signal?.throwIfAborted();
  const protocols = credential?.token === undefined ? [] : [PROTOCOL, credential.token];
  const socket = new Socket(`${http.base.replace(/^http/, "ws")}${path}`, protocols);
  socket.binaryType = "arraybuffer";
  const stop = (): void => socket.close(1000);
  signal?.addEventListener("abort", stop, { once: true });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    // Why a handshake was refused no socket tells. An `error` is followed by a `close`, which says more.
    const failed = ({ code, reason }: CloseEvent): void =>
      reject(
        signal?.aborted
          ? signal.reason
          : (closeProblem(code, reason) ?? new TransportError("the socket could not be opened")),
      );
    socket.addEventListener("close", failed, { once: true });
  });
  socket.addEventListener("close", () => signal?.removeEventListener("abort", stop), { once: true });
  return { socket, credential };
}

/** What a close says; undefined for a plain end. */
function closeProblem(code: number, reason: string): DeputizeError | undefined {
  if (code === 1000 || code === 1001) return undefined;
  if (code === 4401 || code === 1008)
    return serverError({
      statusCode: 401,
      errorCode: /^[A-Z_]{3,40}$/.test(reason) ? reason : code === 4401 ? "REVOKED_TOKEN" : "INVALID_TOKEN",
      message: "the server closed the socket: the credential is not good, or no longer",
      details: [],
    });
  if (code === 1013)
    return serverError({
      statusCode: 503,
      errorCode: "SERVER_BUSY",
      message: "the server has too many sockets",
      details: [],
    });
  return new TransportError(`the socket was closed (${code})`);
}

/** The messages of a socket, in order, until it closes. Throws what `closeProblem` says. */
export async function* socketMessages(
  socket: WebSocket,
  signal?: AbortSignal,
): AsyncGenerator<string | ArrayBuffer> {
  const waiting: (string | ArrayBuffer)[] = [];
  let wake: (() => void) | undefined;
  let end: { readonly problem: DeputizeError | undefined } | undefined;
  socket.addEventListener("message", ({ data }) => {
    if (waiting.length >= MOST_WAITING) socket.close(1009);
    else waiting.push(data as string | ArrayBuffer);
    wake?.();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    end ??= { problem: closeProblem(code, reason) };
    wake?.();
  });
  try {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else if (signal?.aborted) throw signal.reason;
      else if (end?.problem) throw end.problem;
      else if (end || socket.readyState > 1) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    if (socket.readyState < 2) socket.close(1000);
  }
}
