/**
 * A byte stream that a `pg` client takes for a socket, with the embedded database at the other end. So one
 * driver, one set of type parsers and one kind of error serve both databases.
 */
import { Duplex } from "node:stream";
import type { Worker } from "node:worker_threads";

/** AuthenticationOk, BackendKeyData(0, 0), ReadyForQuery(idle): the embedded session needs no handshake. */
const WELCOME = Buffer.from([
  0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x4b, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49,
]);

export class EmbeddedWire extends Duplex {
  readonly #worker: Worker;
  readonly #onMessage: (message: unknown) => void;
  #greeted = false;

  constructor(worker: Worker) {
    super();
    this.#worker = worker;
    this.#onMessage = (message) => {
      if (message instanceof Uint8Array) this.push(message);
    };
    worker.on("message", this.#onMessage);
  }

  /** The part of a socket's interface that `pg` calls. */
  connect(): this {
    queueMicrotask(() => this.emit("connect"));
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#send(chunk);
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(chunks.map((c) => c.chunk)));
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#worker.off("message", this.#onMessage);
    done(error);
  }

  #send(bytes: Buffer): void {
    if (!this.#greeted) {
      // The first message is the start-up packet, which has no type byte and needs no real answer.
      this.#greeted = true;
      this.push(WELCOME);
      return;
    }
    if (bytes[0] === 0x58) return; // Terminate: the session belongs to the store, not to this client.
    this.#worker.postMessage(new Uint8Array(bytes));
  }
}
