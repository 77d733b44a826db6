/**
 * A service that workers call, as small as it can be: it lets nobody in whose token the authority does not vouch for,
 * or whose token lacks the scope that the request needs. Loopback only.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AgentClaims, scopeIsSubset, validate } from "deputize/client";

export interface ResourceRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly claims: AgentClaims;
}

export interface ResourceRoute {
  /** What a request needs, told by its method and path; undefined: there is no such thing here. */
  scopeFor(method: string, path: string): string | undefined;
  answer(request: ResourceRequest): unknown;
}

export interface ResourceServer extends AsyncDisposable {
  readonly url: string;
}

/** Starts it on a free port; `await using` ends it. */
export async function startResourceServer(brokerUrl: string, route: ResourceRoute): Promise<ResourceServer> {
  const server = createServer(async (request, response) => {
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    try {
      const { method = "GET", url: path = "/" } = request;
      const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
      const checked = await validate(brokerUrl, token ?? "");
      if (!checked.valid) return reply(401, { error: checked.error });
      const scope = route.scopeFor(method, path);
      if (scope === undefined) return reply(404, { error: "not found" });
      if (!scopeIsSubset([scope], checked.claims.scope)) return reply(403, { error: `this needs ${scope}` });
      const body = await new Response(request as unknown as ReadableStream).text();
      return reply(200, route.answer({ method, path, body, claims: checked.claims }));
    } catch {
      return reply(503, { error: "the authority cannot be asked now" });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
