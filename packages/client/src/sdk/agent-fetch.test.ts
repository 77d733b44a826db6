import { beforeEach, describe, expect, it } from "vitest";
import { agentFetch } from "./agent-fetch.ts";
import { DeputizeClient } from "./deputize-client.ts";

/** An authority and an API in one: a token is good until the next change. */
let generation = 0;
let refreshable = true;
const asked: string[] = [];
const seen: { url: string; authorization: string | null }[] = [];

beforeEach(() => {
  generation = 0;
  refreshable = true;
  asked.length = 0;
  seen.length = 0;
});

const answer = (status: number, body: object) => Response.json(body, { status });

const fake: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/auth/")) {
    seen.push({ url: request.url, authorization: request.headers.get("authorization") });
    const good = request.headers.get("authorization") === `Bearer t${generation}`;
    return good ? answer(200, { got: await request.text() }) : answer(401, {});
  }
  asked.push(pathname);
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (pathname === "/auth/refresh" && !refreshable)
    return answer(401, { code: "invalid_token", detail: "ended" });
  return answer(200, { access_token: `t${generation}`, refresh_token: `dar_${generation}`, expires_in: 900 });
};

const call = () =>
  agentFetch({
    client: new DeputizeClient({ authorityUrl: "https://authority.example", fetch: fake }),
    apiKey: "dpk_x",
    origin: "https://api.example",
    fetch: fake,
  });
const URL_OF = "https://api.example/data";

describe("a fetch for an agent", () => {
  it("signs in once for callers of one moment, and refreshes once when its token was ended", async () => {
    const send = call();
    const statuses = async () =>
      (await Promise.all([1, 2, 3].map(() => send(URL_OF)))).map(({ status }) => status);
    expect(await statuses()).toEqual([200, 200, 200]);
    expect(asked).toEqual(["/auth/login"]);
    generation = 1;
    expect(await statuses()).toEqual([200, 200, 200]);
    expect(asked).toEqual(["/auth/login", "/auth/refresh"]);
  });

  it("signs in anew when its refresh token is refused", async () => {
    const send = call();
    await send(URL_OF);
    generation = 1;
    refreshable = false;
    expect((await send(URL_OF)).status).toBe(200);
    expect(asked).toEqual(["/auth/login", "/auth/refresh", "/auth/login"]);
  });

  it("sends text again and no stream, and gives a second 401 to the caller", async () => {
    const send = call();
    await send(URL_OF);
    generation = 1;
    const text = await send(URL_OF, { method: "POST", body: "once" });
    expect(await text.json()).toEqual({ got: "once" });
    generation = 2;
    const stream = new Blob(["gone"]).stream();
    const refused = await send(URL_OF, { method: "POST", body: stream, duplex: "half" } as RequestInit);
    expect(refused.status).toBe(401);
    expect(seen).toHaveLength(4);
  });

  it("sends its token to one origin and its key to none but the authority", async () => {
    const send = call();
    await expect(send("https://api.example.evil.example/data")).rejects.toMatchObject({
      code: "invalid_request",
    });
    await expect(send("http://api.example/data")).rejects.toMatchObject({ code: "invalid_request" });
    await send(URL_OF);
    expect(seen.map(({ url }) => new URL(url).origin)).toEqual(["https://api.example"]);
    expect(JSON.stringify(seen)).not.toContain("dpk_");
  });
});
