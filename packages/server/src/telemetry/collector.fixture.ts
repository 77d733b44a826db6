/** For tests: an OTLP/HTTP collector as far as traces go. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly code?: number };
}
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: SentSpan["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

/** A span's attributes by name. */
export const facts = (span: Pick<SentSpan, "attributes"> | undefined): Record<string, unknown> =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));

export interface Collector {
  readonly endpoint: string;
  /** What came, in order. */
  readonly received: { readonly path: string; readonly body: Export }[];
  spans(): SentSpan[];
  close(): void;
}

/** Listens on loopback. */
export async function startCollector(): Promise<Collector> {
  const received: Collector["received"] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part) => (text += part));
    request.on("end", () => {
      received.push({ path: request.url ?? "", body: JSON.parse(text) as Export });
      response.setHeader("Content-Type", "application/json").end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    spans: () =>
      received.flatMap(({ body }) =>
        body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
      ),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
