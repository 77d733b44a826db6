/** lifecycle: how servers of ours come up and go down. */
export { explainStart, listen, stopListening, undoAll } from "./lifecycle.ts";
