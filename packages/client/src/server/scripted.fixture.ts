/** For tests: a server that answers with what its script says, and remembers what it was sent. */
import type { AgentServerClientOptions } from "./client.ts";
import { AgentServerClient } from "./client.ts";

export type Reply = (request: Request) => Response | Promise<Response>;

/** As a server wraps what it answers. */
export function answer(data: unknown, init: ResponseInit = {}): Reply {
  const metadata = { request_id: "req-1", timestamp: "2026-11-30T10:00:00.000Z", message: "OK" };
  return () => Response.json({ data, metadata }, init);
}

export function refusal(
  status: number,
  code: string,
  more: { headers?: Record<string, string>; details?: unknown } = {},
): Reply {
  const { headers = {}, details = [] } = more;
  return () =>
    Response.json(
      {
        error: { code, message: `refused: ${code}`, details },
        metadata: { request_id: "req-9", timestamp: "2026-11-30T10:00:00.000Z" },
      },
      { status, headers },
    );
}

/** The connection breaks off before an answer. */
export const lost: Reply = () => Promise.reject(new TypeError("terminated"));

export interface Scripted {
  readonly client: AgentServerClient;
  readonly sent: Request[];
  /** Bodies, in order, as JSON where they are. */
  readonly bodies: unknown[];
}

/** A client of a server that plays `script`; its last reply stands for all further ones. */
export function scripted(
  script: readonly Reply[],
  options: Partial<AgentServerClientOptions> = {},
): Scripted {
  const sent: Request[] = [];
  const bodies: unknown[] = [];
  const client = new AgentServerClient({
    baseUrl: "http://agent.example",
    retry: { baseMs: 1 },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      sent.push(request);
      const text = request.headers.get("content-type")?.includes("json") ? await request.clone().text() : "";
      bodies.push(text === "" ? undefined : JSON.parse(text));
      const reply = script[Math.min(sent.length, script.length) - 1];
      if (!reply) throw new Error("the script is empty");
      return reply(request);
    },
    ...options,
  });
  return { client, sent, bodies };
}
