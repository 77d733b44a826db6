/**
 * The last turns as one page with a timeline, for whoever wants to see where the time went.
 *
 * Guarantees: the page is one file without scripts, which loads nothing; all that it shows is escaped, so a text is never markup.
 * It is its owner's alone (0600), and is replaced in one step, so that nobody reads half of it.
 */
import { open, rename, rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { DeputizeError } from "@deputize/core";
import type { ObservedEvent, Transporter } from "../transporter.ts";
import { pageOf } from "./html-page.ts";

export interface HtmlReportOptions {
  readonly file: string;
  /** Requests that are shown, each with the turns of all agents that it came to. 50 unless set. */
  readonly turns?: number;
}

/** What one request came to. */
export interface RequestSeen {
  readonly correlationId: string;
  readonly events: ObservedEvent[];
}

const TURNS = 50;
/** Records of one request that are kept; a turn has a few dozen. */
const EVENTS_MAX = 500;

/** Keeps the last turns and writes the page after each batch of records in which one ended. Throws `config_invalid`. */
export function htmlReportTransport({ file, turns = TURNS }: HtmlReportOptions): Transporter {
  if (!(turns >= 1)) throw new DeputizeError("config_invalid", "`turns` is at least 1");
  const seen = new Map<string, RequestSeen>();

  function keep(event: ObservedEvent): void {
    const { correlationId } = event;
    let request = seen.get(correlationId);
    if (!request) seen.set(correlationId, (request = { correlationId, events: [] }));
    if (request.events.length < EVENTS_MAX) request.events.push(event);
    for (const oldest of seen.keys()) {
      if (seen.size <= turns) break;
      seen.delete(oldest);
    }
  }

  const write = (): Promise<void> => replace(file, pageOf([...seen.values()].toReversed()));
  return {
    name: "html_report",
    async send(events) {
      events.forEach(keep);
      if (events.some(({ kind }) => kind === "turn_ended")) await write();
    },
    flush: write,
  };
}

async function replace(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    await handle.writeFile(text).finally(() => handle.close());
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
