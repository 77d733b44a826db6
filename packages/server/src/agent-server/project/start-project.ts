/**
 * Serves a project.
 *
 * Guarantees: the port is taken first, and answers 503 until everything stands; a start that cannot work says so in one line and leaves
 * nothing running; `close` takes no new requests, lets open ones finish, and closes in the reverse order what was opened.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { resolve } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { type Clock, systemClock } from "@deputize/core";
import manifest from "../../../package.json" with { type: "json" };
import { explainStart, listen, stopListening, undoAll } from "../../lifecycle/index.ts";
import { type Logger, createLogger, startTraces } from "../../telemetry/index.ts";
import { createAgentServer } from "../create-agent-server.ts";
import { openProject } from "./open-project.ts";
import { type ServeOverrides, isLoopback, readProject, serveSettings } from "./read-project.ts";
import { tracingEnvironment } from "./tracing-environment.ts";

export interface StartProjectOptions extends ServeOverrides {
  /** Where `deputize.json` is. */
  readonly folder: string;
  /** Named in its place. */
  readonly config?: string | undefined;
  /** This process's unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface StartedProject {
  /** What people and programs use. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly file: string;
  readonly agents: readonly string[];
  /** The ways in, in their order; none where nobody is asked. */
  readonly auth: readonly string[];
  close(): Promise<void>;
}

/** Slow senders hold nothing for longer. */
const TIMES = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 } as const;
const GRACE_MS = 5_000;

/** Throws a `DeputizeError` whose message is the line to print. */
export async function startProject(options: StartProjectOptions): Promise<StartedProject> {
  const { env = process.env, clock = systemClock } = options;
  const project = await readProject({
    folder: resolve(options.folder),
    file: options.config,
    env,
    apply: (added) => {
      for (const [name, value] of Object.entries(added)) process.env[name] ??= value;
    },
  });
  const settings = serveSettings(project, options);
  const logger = options.logger ?? createLogger(settings.logLevel);
  const undo: (() => Promise<unknown>)[] = [];
  try {
    let handle: (request: IncomingMessage, response: ServerResponse) => unknown = stillStarting;
    const http = createServer({ ...TIMES, connectionsCheckingInterval: 1_000 }, (request, response) =>
      handle(request, response),
    );
    const port = await listen(http, settings);
    undo.push(() => stopListening(http, GRACE_MS));
    const tracing = tracingEnvironment(project);
    const traces = await startTraces({ env: tracing, service: "deputize-agents", version: manifest.version });
    if (traces) undo.push(() => traces.close());
    const open = await openProject(project, { settings, logger, clock });
    undo.push(() => open.close());
    const url = settings.publicUrl ?? `http://${nameOf(settings.host)}:${port}`;
    const server = createAgentServer({
      ...open.server,
      publicUrl: url,
      allowedHosts: [
        ...new Set([...(settings.allowedHosts ?? [new URL(url).host]), ...namesOfThisMachine(port)]),
      ],
    });
    undo.push(() => server.close());
    http.on("upgrade", server.upgrade);
    handle = getRequestListener(server.fetch);
    // What is at work finishes before what it stands on goes.
    undo.push(() => {
      server.drain();
      return stopListening(http, GRACE_MS);
    });
    let closing: Promise<void> | undefined;
    return {
      url,
      host: settings.host,
      port,
      file: project.file,
      agents: open.agents.map(({ name }) => name),
      auth: open.server.auth?.chain.names ?? [],
      close: () => (closing ??= undoAll(undo)),
    };
  } catch (error) {
    await undoAll(undo).catch(() => {});
    throw explainStart(error, { ...settings, dataDir: project.folder });
  }
}

/** Health checks of this machine, whatever the public name is. */
function namesOfThisMachine(port: number): string[] {
  return ["localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${port}`);
}

function nameOf(host: string): string {
  return isLoopback(host) && host.includes(":") ? "[::1]" : host;
}

function stillStarting(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { "Content-Type": "application/problem+json", "Retry-After": "2" });
  response.end(
    JSON.stringify({ type: "urn:deputize:error:unavailable", status: 503, detail: "the server is starting" }),
  );
  request.resume();
}
