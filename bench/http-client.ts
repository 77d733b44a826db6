/**
 * A client that costs little: one request, written as bytes once, sent again and again over sockets that stay open.
 * Node's own client costs more than the servers measured here and would hide the difference between them.
 */
import { type Socket, connect } from "node:net";
import { Worker } from "node:worker_threads";
import type { Serving } from "./servers.ts";

export interface HttpClient {
  /** One request and its whole answer. Throws unless it is a 200 with `expected` in it. */
  send(): Promise<void>;
  close(): void;
}

/** An answer is whole when its length is there or its last chunk has come. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return false;
  if (answer.startsWith("HTTP/1.1 204")) return true;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, head))?.[1];
  return length === undefined
    ? answer.endsWith("\r\n0\r\n\r\n")
    : Buffer.byteLength(answer) >= head + 4 + Number(length);
}

export function httpClient(options: {
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly expected: string;
}): HttpClient {
  const { port, path, headers = {}, expected } = options;
  const body = options.body === undefined ? "" : JSON.stringify(options.body);
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    ...headers,
    ...(body && { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`${body ? "POST" : "GET"} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
  const sockets = socketPool(port);
  return {
    async send() {
      const answer = await sockets.exchange(request);
      if (!answer.startsWith("HTTP/1.1 200") || !answer.includes(expected)) {
        throw new Error(`not the answer that was expected: ${answer.slice(0, 600)}`);
      }
    },
    close: sockets.close,
  };
}

export interface JsonClient {
  /** One request with a body of its own. Throws unless the answer is a 2xx; answers its JSON, or undefined. */
  request(
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

/** For operations whose requests differ each time. */
export function jsonClient(port: number): JsonClient {
  const sockets = socketPool(port);
  return {
    async request(method, path, body, token) {
      const text = body === undefined ? "" : JSON.stringify(body);
      const head = [
        `${method} ${path} HTTP/1.1`,
        `host: 127.0.0.1:${port}`,
        ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
        ...(text ? ["content-type: application/json"] : []),
        ...(method === "POST" ? [`content-length: ${Buffer.byteLength(text)}`] : []),
      ];
      const answer = await sockets.exchange(Buffer.from(`${head.join("\r\n")}\r\n\r\n${text}`));
      if (!answer.startsWith("HTTP/1.1 2")) throw new Error(`${method} ${path}: ${answer.slice(0, 600)}`);
      const found = answer.slice(answer.indexOf("\r\n\r\n") + 4);
      return found === "" ? {} : (JSON.parse(found) as Record<string, unknown>);
    },
    close: sockets.close,
  };
}

/** Sockets that stay open, one request at a time on each. */
function socketPool(port: number): { exchange(request: Buffer): Promise<string>; close(): void } {
  const idle: Socket[] = [];
  const all = new Set<Socket>();

  async function open(): Promise<Socket> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    all.add(socket);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.removeAllListeners("error");
    return socket.setEncoding("latin1");
  }

  return {
    async exchange(request) {
      const socket = idle.pop() ?? (await open());
      const answer = await new Promise<string>((resolve, reject) => {
        let read = "";
        const done = (error?: Error): void => {
          socket.removeAllListeners();
          if (error) reject(error);
          else resolve(read);
        };
        socket.on("data", (part: string) => {
          read += part;
          if (isWhole(read)) done();
        });
        socket.on("error", done);
        socket.on("close", () => done(new Error("the server closed the connection")));
        socket.write(request);
      });
      idle.push(socket);
      return answer;
    },
    close: () => {
      for (const socket of all) socket.destroy();
    },
  };
}

/** Starts the servers of one measurement in their thread. */
export async function startServers(kind: "http" | "mcp"): Promise<Serving & { end(): Promise<void> }> {
  const worker = new Worker(new URL("./servers.ts", import.meta.url), { workerData: kind });
  const serving = await new Promise<Serving>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  return {
    ...serving,
    async end() {
      if (serving.database !== undefined) {
        const closed = new Promise((resolve) => worker.once("message", resolve));
        worker.postMessage("close");
        await closed;
      }
      await worker.terminate();
    },
  };
}
