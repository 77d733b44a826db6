/**
 * Records as JSON, one line each, for Elasticsearch, Datadog and the like.
 *
 * Guarantees: a file is its owner's alone (0600), and no symbolic link is followed to it. It is opened for each write, so that
 * whatever rotates logs may move it away at any time; nothing here rotates.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { once } from "node:events";
import { DeputizeError } from "@deputize/core";
import type { ObservedEvent, Transporter } from "../transporter.ts";

export type JsonLogOptions =
  | { readonly file: string; readonly stream?: never }
  | { readonly stream: NodeJS.WritableStream; readonly file?: never };

/** Appends to `file`, or writes to `stream`. Throws `config_invalid` without either. */
export function jsonLogTransport({ file, stream }: JsonLogOptions): Transporter {
  if ((file === undefined) === (stream === undefined))
    throw new DeputizeError("config_invalid", "jsonLogTransport needs a `file` or a `stream`");
  return {
    name: "json_log",
    async send(events, signal) {
      const text = events.map((event) => `${lineOf(event)}\n`).join("");
      if (file !== undefined) return append(file, text);
      if (stream && !stream.write(text)) await once(stream, "drain", { signal });
    },
  };
}

async function append(file: string, text: string): Promise<void> {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
  const handle = await open(file, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) await handle.chmod(0o600);
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

/** The record is a member of its own: `status` and the like have meanings of their own where logs are gathered. */
function lineOf(event: ObservedEvent): string {
  return JSON.stringify({
    "@timestamp": event.at,
    level: levelOf(event),
    message: event.kind,
    agent_event: event,
  });
}

function levelOf(event: ObservedEvent): "info" | "warn" | "error" {
  if (event.kind === "turn_ended" && event.status === "failed") return "error";
  if (event.kind === "model_called") return event.outcome === "failed" ? "error" : "info";
  return event.kind === "layer_failed" || event.kind === "guard_acted" ? "warn" : "info";
}
