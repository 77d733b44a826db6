/** lifecycle: how servers of ours come up and go down. */
export { explainStart, listen, stopListening, unwind } from "./lifecycle.ts";
