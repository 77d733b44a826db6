import { describe, expect, it } from "vitest";
import { bearerAuth } from "./auth.ts";
import {
  AgentServerError,
  AuthenticationError,
  NotFoundError,
  RateLimitError,
  TransientStorageError,
  ValidationError,
} from "./errors.ts";
import { TransportError } from "../sdk/transport-error.ts";
import { answer, lost, refusal, scripted } from "./scripted.fixture.ts";
import { Message } from "./message.ts";

const threads = answer({ threads: [] });
const made = answer({ thread_id: "t-1" });

describe("a token that the server does not take any more", () => {
  it("is got anew once for all calls that wait, and they are sent again [AF-F15]", async () => {
    const asked: boolean[] = [];
    const { client, sent } = scripted(
      [
        (request) =>
          request.headers.get("authorization") === "Bearer token-2"
            ? Response.json({ data: { threads: [] }, metadata: {} })
            : (refusal(401, "EXPIRED_TOKEN")(request) as Response),
      ],
      {
        auth: bearerAuth(async ({ refused }) => {
          asked.push(refused);
          await new Promise((resolve) => setTimeout(resolve, 5));
          return `token-${asked.length}`;
        }),
      },
    );
    await Promise.all(Array.from({ length: 8 }, () => client.threads()));
    expect(asked).toEqual([false, true]);
    expect(sent).toHaveLength(16);
    await client.threads();
    expect(asked).toHaveLength(2);
  });

  it("is got anew for a write, too: a refused one did nothing", async () => {
    const { client, sent } = scripted([refusal(401, "EXPIRED_TOKEN"), made], { auth: bearerAuth(() => "t") });
    expect((await client.createThread()).data.thread_id).toBe("t-1");
    expect(sent).toHaveLength(2);
  });

  it("is got anew once and not twice, and the second refusal is told with its code [AF-F15]", async () => {
    let got = 0;
    const { client, sent } = scripted([refusal(401, "REVOKED_TOKEN")], {
      auth: bearerAuth(() => `t${(got += 1)}`),
    });
    const error = await client.threads().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ statusCode: 401, errorCode: "REVOKED_TOKEN", requestId: "req-9" });
    expect([got, sent.length]).toEqual([2, 2]);
  });

  it("is told at once when it is a fixed one", async () => {
    const { client, sent } = scripted([refusal(401, "EXPIRED_TOKEN")], { authToken: "fixed" });
    await expect(client.threads()).rejects.toMatchObject({ errorCode: "EXPIRED_TOKEN" });
    expect(sent).toHaveLength(1);
  });

  it("is known by its code where a server of the original answers 403", async () => {
    const { client } = scripted([refusal(403, "EXPIRED_TOKEN"), threads], { auth: bearerAuth(() => "t") });
    expect((await client.threads()).data.threads).toEqual([]);
    const { client: plain } = scripted([refusal(403, "INSUFFICIENT_SCOPE")], { auth: bearerAuth(() => "t") });
    await expect(plain.threads()).rejects.toMatchObject({ name: "PermissionError" });
  });

  it("is asked for again after its provider failed", async () => {
    let calls = 0;
    const { client } = scripted([threads], {
      auth: bearerAuth(async () => {
        calls += 1;
        if (calls === 1) throw new Error("sign-in is down");
        return "t";
      }),
    });
    await expect(client.threads()).rejects.toThrow("sign-in is down");
    expect((await client.threads()).data.threads).toEqual([]);
  });
});

describe("a request without an answer", () => {
  it("is sent again when it only reads", async () => {
    const { client, sent } = scripted([lost, () => new Response("", { status: 502 }), threads]);
    expect((await client.threads()).data.threads).toEqual([]);
    expect(sent).toHaveLength(3);
  });

  it.each([
    ["lost", lost],
    ["502", () => new Response("bad gateway", { status: 502 })],
    ["503 in the middle", refusal(503, "STORAGE_TRANSIENT_000", { headers: { "Retry-After": "0" } })],
  ] as const)("is sent once when it may have done something: %s", async (_name, reply) => {
    const { client, sent } = scripted([reply]);
    await expect(client.invoke([Message.user("Hi")])).rejects.toBeInstanceOf(Error);
    await expect(client.createThread()).rejects.toBeInstanceOf(Error);
    expect(sent).toHaveLength(2);
  });

  it.each([
    [429, "RATE_LIMIT_EXCEEDED"],
    [503, "AUTH_UNAVAILABLE"],
    [503, "SERVER_BUSY"],
  ])("is sent again when it was refused with %i %s before anything was done", async (status, code) => {
    const { client, sent } = scripted([refusal(status, code, { headers: { "Retry-After": "0" } }), made]);
    await client.createThread();
    expect(sent).toHaveLength(2);
  });

  it("waits for as long as the server asks, and no longer than told", async () => {
    const slow = scripted([
      refusal(429, "RATE_LIMIT_EXCEEDED", { headers: { "Retry-After": "0.05" } }),
      threads,
    ]);
    const began = performance.now();
    await slow.client.threads();
    expect(performance.now() - began).toBeGreaterThanOrEqual(49);

    const far = scripted([refusal(429, "RATE_LIMIT_EXCEEDED", { headers: { "Retry-After": "3600" } })]);
    const error = await far.client.threads().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ retryAfterSeconds: 3600, code: "rate_limited" });
    expect(far.sent).toHaveLength(1);

    const date = new Date(Date.now() + 7_200_000).toUTCString();
    const dated = scripted([refusal(429, "RATE_LIMIT_EXCEEDED", { headers: { "Retry-After": date } })]);
    const late = (await dated.client.threads().catch((thrown: unknown) => thrown)) as RateLimitError;
    expect(late.retryAfterSeconds).toBeGreaterThan(7_100);
  });

  it("is given up after so many attempts", async () => {
    const { client, sent } = scripted([lost], { retry: { attempts: 3, baseMs: 1 } });
    await expect(client.threads()).rejects.toBeInstanceOf(TransportError);
    expect(sent).toHaveLength(3);
  });

  it("ends when its caller does, with the caller's reason, also while it waits", async () => {
    const stop = new AbortController();
    const { client, sent } = scripted([
      refusal(429, "RATE_LIMIT_EXCEEDED", { headers: { "Retry-After": "4" } }),
    ]);
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 10);
    await expect(client.threadDetails("t", { signal: stop.signal })).rejects.toBe(reason);
    await expect(client.threadDetails("t", { signal: stop.signal })).rejects.toBe(reason);
    expect(sent).toHaveLength(1);
  });

  it("takes no longer than its time, the body included", async () => {
    const half = (): Response =>
      new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('{"data":')) }));
    const { client } = scripted([half], {
      timeout: 30,
      retry: { attempts: 1 },
      fetch: async (_input, init) => {
        const response = half();
        const reader = response.body?.getReader();
        return new Response(
          new ReadableStream({
            start(c) {
              init?.signal?.addEventListener("abort", () => c.error(init.signal?.reason));
              void reader?.read().then(({ value }) => c.enqueue(value));
            },
          }),
        );
      },
    });
    await expect(client.threads()).rejects.toThrow(/within 30 ms/);
  });
});

describe("what a server says no with", () => {
  it("keeps status, code, request and details [AF-D23]", async () => {
    const details = [{ loc: ["body", "messages", 0], msg: "too short", type: "too_small" }, "junk", null];
    const { client } = scripted([refusal(422, "VALIDATION_ERROR", { details })]);
    const error = await client.createThread().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({
      statusCode: 422,
      errorCode: "VALIDATION_ERROR",
      requestId: "req-9",
      timestamp: "2026-11-30T10:00:00.000Z",
      details: [{ loc: ["body", "messages", 0], msg: "too short", type: "too_small" }],
    });
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ statusCode: 422, name: "ValidationError" });
  });

  it("is read as a problem (RFC 9457), in the documented form, and when it is no JSON", async () => {
    const problem = {
      type: "urn:x",
      status: 404,
      detail: "not there",
      code: "RESOURCE_NOT_FOUND",
      request_id: "r",
    };
    const cases = [
      [Response.json(problem, { status: 404 }), NotFoundError, "RESOURCE_NOT_FOUND", "not there"],
      [Response.json({ detail: "nope" }, { status: 404 }), NotFoundError, "", "nope"],
      [
        new Response("<html>secret</html>", { status: 404 }),
        NotFoundError,
        "",
        "the server answered 404 without saying why",
      ],
      [
        Response.json({ error: { code: "STORAGE_TRANSIENT_000" } }, { status: 503 }),
        TransientStorageError,
        "STORAGE_TRANSIENT_000",
        "the server answered 503 without saying why",
      ],
      [
        Response.json([1, 2], { status: 418 }),
        AgentServerError,
        "",
        "the server answered 418 without saying why",
      ],
    ] as const;
    for (const [response, Class, errorCode, message] of cases) {
      const { client } = scripted([() => response], { retry: { attempts: 1 } });
      const error = await client.threads().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Class);
      expect(error).toMatchObject({ errorCode, message });
    }
  });

  it("is read up to a bound, and so is an answer", async () => {
    const flood = (): Response => new Response("x".repeat(3000));
    const { client } = scripted([flood], { maxAnswerBytes: 1000, retry: { attempts: 1 } });
    await expect(client.threads()).rejects.toThrow(/longer than 1000 bytes/);
    const { client: other } = scripted([() => new Response("x".repeat(3000), { status: 400 })], {
      maxAnswerBytes: 1000,
    });
    await expect(other.threads()).rejects.toMatchObject({ statusCode: 400 });
  });
});

it("takes the answer in each of the server's envelopes", async () => {
  for (const body of [
    { data: { threads: [] }, metadata: { request_id: "r", timestamp: "t", message: "OK" } },
    { success: true, data: { threads: [] }, message: "OK", timestamp: "t" },
  ]) {
    const { client } = scripted([() => Response.json(body)]);
    expect(await client.threads()).toMatchObject({
      data: { threads: [] },
      metadata: { message: "OK", timestamp: "t" },
    });
  }
  const { client } = scripted([() => Response.json("pong")]);
  expect((await client.ping()).data).toBe("pong");
});

it("names one thing by an id, whatever stands in it", async () => {
  const { client, sent } = scripted([threads]);
  await client.threadDetails("a/b?c#d").catch(() => undefined);
  expect(sent[0]?.url).toBe("http://agent.example/v1/threads/a%2Fb%3Fc%23d");
  for (const id of ["..", ".", ""])
    await expect(async () => client.deleteThread(id)).rejects.toThrow(/an id/);
  expect(sent).toHaveLength(1);
});
