/** The same Hono handler over loopback sockets, with a token verified on each request and without. */
import { httpClient, startServers } from "./http-client.ts";
import { measure, report } from "./harness.ts";

export async function run(): Promise<void> {
  const { ports, token, end } = await startServers("http");
  const client = (name: string, headers: Record<string, string>) =>
    httpClient({ port: ports[name] ?? 0, path: "/orders", headers, expected: '"orders"' });
  // Both requests weigh the same on the wire, so that reading the header is no part of the difference.
  const plain = client("plain", { authorization: `Bearer ${token}` });
  const guarded = client("guarded", { authorization: `Bearer ${token}` });
  try {
    const measured = await measure([
      { name: "no authentication", run: plain.send },
      { name: "bearerAuth, token seen before", run: guarded.send },
    ]);
    report("verifying in HTTP, 16 connections (budget ×0.60)", measured);
  } finally {
    plain.close();
    guarded.close();
    await end();
  }
}
