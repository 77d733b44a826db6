/**
 * A conversation by voice: audio and control events over one socket, which is opened again when it breaks off.
 *
 * Guarantees: the credential rides in the subprotocol. Attempts to open again are bounded, with growing waits; none follows `close()`, an
 * error that the server calls final, or the end of the credential. Does not: record or play; `audio` is PCM16 both ways.
 */
import { DeputizeError } from "@deputize/core/portable";
import { pause, waitBeforeRetry } from "../sdk/retry.ts";
import { AuthenticationError } from "./errors.ts";
import { type Json, isRecord, textOf } from "./guards.ts";
import type { ServerHttp } from "./http.ts";
import { type SocketOptions, openSocket, socketMessages } from "./socket.ts";

/** Of what is sent. */
export const REALTIME_INPUT_SAMPLE_RATE = 16_000;
/** Of what comes. */
export const REALTIME_OUTPUT_SAMPLE_RATE = 24_000;

export interface RealtimeInit {
  readonly model?: string;
  /** A thread to go on with; a new one unless told. */
  readonly thread_id?: string;
  readonly voice?: string;
  readonly modalities?: string | readonly string[];
  readonly [name: string]: unknown;
}

export interface RealtimeOptions extends SocketOptions {
  readonly reconnect?: { readonly enabled?: boolean; readonly maxAttempts?: number };
}

/** What the server tells, such as `input_transcript` or `turn_complete`. */
export type RealtimeEvent = Json & { readonly type: string };

interface Channels {
  audio: [pcm16: Uint8Array, sampleRate: number];
  event: [event: RealtimeEvent];
  error: [error: DeputizeError];
  open: [];
  close: [];
  reconnecting: [attempt: number];
}

type Listener = (...args: never[]) => void;

export class RealtimeSession {
  /** The same over all connections. */
  readonly threadId: string;
  /** Resolves when it is open for the first time. */
  readonly ready: Promise<void>;
  readonly #http: ServerHttp;
  readonly #init: RealtimeInit;
  readonly #options: RealtimeOptions;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #stop = new AbortController();
  #socket: WebSocket | undefined;
  #resumption: string | undefined;

  constructor(http: ServerHttp, init: RealtimeInit, options: RealtimeOptions) {
    this.#http = http;
    this.threadId = init.thread_id ?? crypto.randomUUID();
    this.#init = init;
    this.#options = options;
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // Whoever listens to `error` hears of it there; nobody has to wait for `ready`.
    this.ready.catch(() => undefined);
    void this.#run(ready.resolve).then(
      () => ready.reject(new DeputizeError("unavailable", "the session was closed")),
      (error: unknown) => {
        const problem =
          error instanceof DeputizeError
            ? error
            : new DeputizeError("internal", "the session failed", { cause: error });
        ready.reject(problem);
        this.#emit("error", problem);
        this.#emit("close");
      },
    );
  }

  /** PCM16, mono, 16 kHz. Nothing is sent while it is not open. */
  sendAudio(pcm16: Uint8Array<ArrayBuffer> | ArrayBuffer): void {
    if (this.#socket?.readyState === 1) this.#socket.send(pcm16);
  }

  sendText(text: string): void {
    this.#control({ type: "text", text });
  }

  activityStart(): void {
    this.#control({ type: "activity_start" });
  }

  activityEnd(): void {
    this.#control({ type: "activity_end" });
  }

  /** Ends it for good. */
  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#control({ type: "close" });
    this.#stop.abort();
    this.#socket?.close(1000);
  }

  on<Name extends keyof Channels>(name: Name, listener: (...args: Channels[Name]) => void): this {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(listener as Listener));
    return this;
  }

  off<Name extends keyof Channels>(name: Name, listener: (...args: Channels[Name]) => void): this {
    this.#listeners.get(name)?.delete(listener as Listener);
    return this;
  }

  #emit<Name extends keyof Channels>(name: Name, ...args: Channels[Name]): void {
    for (const listener of this.#listeners.get(name) ?? [])
      (listener as (...all: unknown[]) => void)(...args);
  }

  #control(frame: Json): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  async #run(opened: () => void): Promise<void> {
    const { enabled = true, maxAttempts = 5 } = this.#options.reconnect ?? {};
    const { signal } = this.#stop;
    for (let done = 1; ; done += 1) {
      try {
        await this.#connection(() => {
          done = 1;
          opened();
        });
        if (signal.aborted || !enabled) break;
      } catch (error) {
        if (signal.aborted) break;
        if (!enabled || error instanceof AuthenticationError || isFinal(error)) throw error;
        const wait = waitBeforeRetry({ done, repeatable: true }, { attempts: maxAttempts, baseMs: 500 });
        if (wait === undefined) throw error;
        this.#emit("reconnecting", done);
        await pause(wait, signal);
        if (signal.aborted) break;
      }
    }
    this.#emit("close");
  }

  async #connection(opened: () => void): Promise<void> {
    const { signal } = this.#stop;
    const { socket } = await openSocket(this.#http, "/v1/graph/live", { ...this.#options, signal });
    this.#socket = socket;
    this.#control({
      ...this.#init,
      thread_id: this.threadId,
      ...(this.#resumption !== undefined && { resumption_handle: this.#resumption }),
    });
    opened();
    this.#emit("open");
    for await (const frame of socketMessages(socket)) this.#take(frame);
  }

  #take(frame: string | ArrayBuffer): void {
    if (typeof frame !== "string") {
      this.#emit("audio", new Uint8Array(frame), REALTIME_OUTPUT_SAMPLE_RATE);
      return;
    }
    const event = parseEvent(frame);
    if (!event) return;
    if (event.type === "session_update")
      this.#resumption = textOf(event["resumption_handle"]) ?? this.#resumption;
    this.#emit("event", event);
    if (event.type === "error" && event["fatal"] === true)
      throw new DeputizeError("unavailable", textOf(event["message"]) ?? "the server ended the session", {
        detail: { final: true },
      });
  }
}

function isFinal(error: unknown): boolean {
  return (
    error instanceof DeputizeError && (error.detail?.["final"] === true || error.code === "config_invalid")
  );
}

function parseEvent(text: string): RealtimeEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const type = isRecord(value) ? textOf(value["type"]) : undefined;
    return isRecord(value) && type !== undefined ? { ...value, type } : undefined;
  } catch {
    return undefined;
  }
}
