import { randomUUID } from "node:crypto";

/** A fresh id for a conversation: a random UUID (RFC 9562, version 4), which nobody can guess and which tells no time. */
export function generateSessionId(): string {
  return randomUUID();
}
