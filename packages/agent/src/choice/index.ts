/** choice: which tools a request is about, without the rest of the agent, so that a command which only ranks starts at once. */
export { sentenceEmbedder } from "../embeddings/threaded-embedder.ts";
export { toolRanker } from "./tool-ranker.ts";
