import { DeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { bearerFetch } from "./bearer-fetch.ts";

const URL_OF_TOOLS = "https://tools.example/mcp";

async function opened(answer: (token: string | null) => number, renew = async () => "second") {
  const asked: (boolean | undefined)[] = [];
  const sent: (string | null)[] = [];
  const bearer = await bearerFetch(
    {
      correlationId: "test",
      authority: {
        tokenFor: async (_audience, options) => {
          asked.push(options?.fresh);
          return options?.fresh ? renew() : "first";
        },
      },
    },
    URL_OF_TOOLS,
    async (_input, init) => {
      const token = new Headers(init?.headers).get("authorization");
      sent.push(token);
      expect(init?.redirect).toBe("error");
      return new Response(`${init?.body}`, { status: answer(token) });
    },
  );
  return { asked, sent, bearer, post: () => bearer.fetch(URL_OF_TOOLS, { method: "POST", body: "call" }) };
}

describe("requests with a token [PR-D48] [PR-F36]", () => {
  it("go on with the new token after the first was refused", async () => {
    const { sent, asked, post } = await opened((token) => (token === "Bearer first" ? 401 : 200));
    expect(await (await post()).text()).toBe("call");
    await post();
    expect(sent).toEqual(["Bearer first", "Bearer second", "Bearer second"]);
    expect(asked).toEqual([undefined, true]);
  });

  it("are renewed once, however often they are refused", async () => {
    const { sent, asked, post } = await opened(() => 401);
    expect((await post()).status).toBe(401);
    expect((await post()).status).toBe(401);
    expect(sent).toHaveLength(3);
    expect(asked).toEqual([undefined, true]);
  });

  it("are not sent again for any other answer", async () => {
    for (const status of [200, 400, 403, 409, 429, 500, 503]) {
      const { sent, post } = await opened(() => status);
      expect((await post()).status).toBe(status);
      expect(sent).toHaveLength(1);
    }
  });

  it("say why there is no new token", async () => {
    const revoked = new DeputizeError("grant_revoked", "this authority was revoked");
    const { bearer, post } = await opened(
      () => 401,
      () => Promise.reject(revoked),
    );
    expect((await post()).status).toBe(401);
    expect(bearer.ended()).toBe(revoked);
  });
});
