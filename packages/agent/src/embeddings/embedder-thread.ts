/**
 * The thread of an embedder: loads its model once, and answers each batch of texts with a unit vector a text, or with the
 * text's pieces, or nothing for a text that the model cannot read. One bad text does not fail its neighbours.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Pieces } from "./embedder.ts";
import { loadUseLite } from "./use-lite.ts";

export type ThreadModel =
  { readonly kind: "use-lite" } | { readonly kind: "transformers"; readonly folder: string };

export interface ToThread {
  readonly texts: readonly string[];
  readonly wanted: "vectors" | "pieces";
}

export type FromThread =
  { readonly answers: readonly (Float32Array | Pieces | undefined)[] } | { readonly failed: string };

type Embed = (texts: readonly string[]) => Promise<readonly (readonly number[])[]>;

/** A model that is loaded. */
export interface Loaded {
  readonly embed: Embed;
  readonly pieces?: (text: string) => Promise<Pieces>;
}

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread");

const loading = load(workerData as ThreadModel);
loading.catch((error: unknown) => {
  port.postMessage({ failed: (error as Error).message } satisfies FromThread);
});
port.on("message", async ({ texts, wanted }: ToThread) => {
  const model = await loading.catch(() => undefined);
  if (!model) return;
  const answers = await (wanted === "pieces" ? piecesOf(model, texts) : vectorsOf(model, texts));
  port.postMessage({ answers } satisfies FromThread);
});

async function vectorsOf(
  { embed }: Loaded,
  texts: readonly string[],
): Promise<readonly (Float32Array | undefined)[]> {
  const alone = (text: string): Promise<readonly number[] | undefined> =>
    embed([text]).then(
      ([vector]) => vector,
      () => undefined,
    );
  const vectors = await embed(texts).catch(() => Promise.all(texts.map(alone)));
  return vectors.map((vector) => vector && unit(vector));
}

async function piecesOf(model: Loaded, texts: readonly string[]): Promise<readonly (Pieces | undefined)[]> {
  const found: (Pieces | undefined)[] = [];
  for (const text of texts) found.push(await model.pieces?.(text).catch(() => undefined));
  return found;
}

function unit(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => (length > 0 ? value / length : 0));
}

async function load(model: ThreadModel): Promise<Loaded> {
  return model.kind === "use-lite" ? loadUseLite() : { embed: await loadTransformers(model.folder) };
}

/** The part of `@huggingface/transformers` that is used here; the package is its user's own. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; allowLocalModels: boolean; localModelPath: string };
  pipeline(
    task: "feature-extraction",
    model: string,
  ): Promise<
    (
      texts: readonly string[],
      options: { pooling: "mean"; normalize: boolean },
    ) => Promise<{ tolist(): readonly (readonly number[])[] }>
  >;
}

const TRANSFORMERS: string = "@huggingface/transformers";

async function loadTransformers(folder: string): Promise<Embed> {
  const { basename, dirname, resolve } = await import("node:path");
  const path = resolve(folder);
  let library: Transformers;
  try {
    library = (await import(TRANSFORMERS)) as Transformers;
  } catch (cause) {
    const fix = `npm install ${TRANSFORMERS}, or choose another DEPUTIZE_EMBEDDER`;
    throw new Error(`an embedder of kind local needs a package that is not installed here: ${fix}`, {
      cause,
    });
  }
  library.env.allowRemoteModels = false;
  library.env.allowLocalModels = true;
  library.env.localModelPath = dirname(path);
  try {
    const extract = await library.pipeline("feature-extraction", basename(path));
    return async (texts) => (await extract(texts, { pooling: "mean", normalize: true })).tolist();
  } catch (cause) {
    const fix = "it must hold config.json, tokenizer.json and onnx/, as transformers.js reads them";
    throw new Error(`the embedding model in ${path} cannot be read; ${fix}`, { cause });
  }
}
