/** The authentication guide, line by line: its curl, `requests` and `fetch` examples, and its four tests, over real HTTP. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Running, startServer, token } from "../server.fixture.ts";

const run = promisify(execFile);

interface Reply {
  readonly thread_id: string;
  readonly content: string;
}

describe("the guide", () => {
  let server: Running;
  let open: Running;
  beforeAll(async () => {
    [server, open] = await Promise.all([startServer(), startServer({ auth: null })]);
  });
  afterAll(async () => {
    await Promise.all([server.stop(), open.stop()]);
  });

  async function curl(...args: string[]): Promise<{ status: number; body: unknown }> {
    const { stdout } = await run("curl", ["-s", "-w", "\n%{http_code}", ...args]);
    const at = stdout.lastIndexOf("\n");
    return { status: Number(stdout.slice(at + 1)), body: JSON.parse(stdout.slice(0, at)) as unknown };
  }

  it("without authentication: ping, and a thread, by curl", async () => {
    expect(await curl(`${open.url}/ping`)).toEqual({ status: 200, body: "pong" });
    const made = await curl("-X", "POST", `${open.url}/threads`);
    expect(made).toEqual({ status: 200, body: { thread_id: expect.any(String) } });
  });

  it("with a token: a thread and a message, by curl", async () => {
    const bearer = `Authorization: Bearer ${await token()}`;
    const json = "Content-Type: application/json";
    const made = await curl("-X", "POST", `${server.url}/threads`, "-H", bearer, "-H", json);
    expect(made.status).toBe(200);
    const { thread_id } = made.body as Reply;
    const url = `${server.url}/threads/${thread_id}/messages`;
    const said = await curl("-X", "POST", url, "-H", bearer, "-H", json, "-d", '{"content": "Hello"}');
    expect(said).toMatchObject({
      status: 200,
      body: { thread_id, role: "assistant", content: "Hello from the agent." },
    });
    // The example's own id is nobody's thread.
    const nobody = await curl(
      "-X",
      "POST",
      `${server.url}/threads/abc123/messages`,
      "-H",
      bearer,
      "-H",
      json,
      "-d",
      '{"content": "Hello"}',
    );
    expect(nobody).toMatchObject({ status: 404, body: { code: "RESOURCE_NOT_FOUND" } });
    expect((await curl("-H", bearer, `${server.url}/threads`)).body).toMatchObject({
      threads: [{ thread_id }],
    });
  });

  it("as `requests` sends it: both headers, JSON as a whole", async () => {
    const headers = { Authorization: `Bearer ${await token()}`, "Content-Type": "application/json" };
    const made = await fetch(`${server.url}/threads`, { method: "POST", headers });
    const { thread_id } = (await made.json()) as Reply;
    const said = await fetch(`${server.url}/threads/${thread_id}/messages`, {
      method: "POST",
      headers,
      body: JSON.stringify({ content: "Hello, AI!" }),
    });
    expect(((await said.json()) as Reply).content).toBe("Hello from the agent.");
  });

  it("as `fetch` chains it", async () => {
    const headers = { Authorization: `Bearer ${await token()}`, "Content-Type": "application/json" };
    const data = await fetch(`${server.url}/threads`, { method: "POST", headers })
      .then((res) => res.json() as Promise<Reply>)
      .then(({ thread_id }) =>
        fetch(`${server.url}/threads/${thread_id}/messages`, {
          method: "POST",
          headers,
          body: JSON.stringify({ content: "Hello, AI!" }),
        }),
      )
      .then((res) => res.json() as Promise<Reply>);
    expect(data.content).toBe("Hello from the agent.");
  });

  it("[AF-F02] its four tests: no token, a bad one and an expired one are 401, a valid one is 200", async () => {
    const post = async (bearer?: string): Promise<number> =>
      (await server.ask("/threads", { method: "POST", ...(bearer !== undefined && { bearer }) })).status;
    expect(await post()).toBe(401);
    expect(await post("invalid_token")).toBe(401);
    expect(await post(await token({ userId: "test_user", expires: new Date("2026-01-01") }))).toBe(401);
    expect(await post(await token({ userId: "test_user" }))).toBe(200);
  });
});
