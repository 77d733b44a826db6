/** When a request is sent again. The network is scripted here, because a real one loses no answer on demand. */
import { beforeEach, describe, expect, it } from "vitest";
import { type BrokerHttp, type BrokerRequest, createBrokerHttp } from "./broker-http.ts";
import { ProblemResponseError, RateLimitError, TransportError } from "./errors.ts";

type Answer = () => Response | Promise<Response>;
let script: Answer[];
let sent: { readonly url: string; readonly headers: Headers }[];
let http: BrokerHttp;

const lost: Answer = () => Promise.reject(new TypeError("fetch failed"));
const ok: Answer = () => Response.json({ fine: true });
const problem =
  (status: number, headers: Record<string, string> = {}): Answer =>
  () =>
    Response.json({ detail: "no", error_code: "unavailable" }, { status, headers });

beforeEach(() => {
  script = [];
  sent = [];
  http = createBrokerHttp({
    brokerUrl: "http://broker.example/",
    retry: { attempts: 4, baseMs: 1, maxWaitMs: 60 },
    fetch: async (url, init) => {
      sent.push({ url: String(url), headers: new Headers(init?.headers) });
      return (script.shift() ?? ok)();
    },
  });
});

const send = (repeatable: boolean, more: Partial<BrokerRequest> = {}) =>
  http.send({ method: "POST", path: "/v1/x", body: {}, repeatable, ...more });

describe("a request whose answer was lost", () => {
  it("is sent again when that is harmless [AW-F39]", async () => {
    script = [lost, problem(502), lost];
    await expect(send(true)).resolves.toEqual({ fine: true });
    expect(sent).toHaveLength(4);
  });

  it("is never sent again when it may have taken effect [AW-F39]", async () => {
    for (const trouble of [lost, problem(502), problem(503), problem(504)]) {
      script = [trouble];
      sent = [];
      await expect(send(false)).rejects.toMatchObject({ code: "unavailable" });
      expect(sent).toHaveLength(1);
    }
  });

  it("is given up at some time", async () => {
    script = [lost, lost, lost, lost, lost];
    await expect(send(true)).rejects.toThrow(TransportError);
    expect(sent).toHaveLength(4);
  });
});

describe("a request that was refused before it did anything", () => {
  it.each([429, 503])(
    "with %i and a time to come back is sent again then, whatever it is [AW-F39]",
    async (status) => {
      script = [problem(status, { "Retry-After": "0" })];
      await expect(send(false)).resolves.toEqual({ fine: true });
      script = [problem(status, { "Retry-After": "0.05" })];
      const began = performance.now();
      await send(false);
      expect(performance.now() - began).toBeGreaterThanOrEqual(49);
    },
  );

  it("is not waited for longer than told", async () => {
    script = [problem(429, { "Retry-After": "60" })];
    const error = await send(true).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ retryAfterSeconds: 60, code: "unavailable", statusCode: 429 });
    expect(sent).toHaveLength(1);
  });

  it.each([400, 401, 403, 404, 409, 413, 429, 500])(
    "with %i and no time is not sent again",
    async (status) => {
      script = [problem(status)];
      await expect(send(true)).rejects.toBeInstanceOf(ProblemResponseError);
      expect(sent).toHaveLength(1);
    },
  );
});

it("makes a credential for each attempt, for a proof is good once", async () => {
  script = [lost, lost];
  let made = 0;
  await send(true, { credentials: async () => ({ DPoP: `proof-${(made += 1)}` }) });
  expect(sent.map(({ headers }) => headers.get("dpop"))).toEqual(["proof-1", "proof-2", "proof-3"]);
});

it("waits no longer than its own time for an answer", async () => {
  const slow = createBrokerHttp({
    brokerUrl: "http://broker.example",
    timeoutMs: 20,
    retry: { attempts: 1 },
    fetch: (_url, init) =>
      new Promise((_resolve, reject) =>
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)),
      ),
  });
  await expect(slow.send({ method: "GET", path: "/", repeatable: true })).rejects.toThrow(/within 20 ms/);
});

it("stops waiting when its caller does, with the caller's reason", async () => {
  const stop = new AbortController();
  script = [problem(503, { "Retry-After": "0.05" })];
  const reason = new Error("enough");
  setTimeout(() => stop.abort(reason), 10);
  await expect(send(true, { signal: stop.signal })).rejects.toBe(reason);
  expect(sent).toHaveLength(1);
});

it("does not follow an answer to somewhere else, nor take an answer that is no JSON", async () => {
  script = [() => new Response("<html>", { headers: { "Content-Type": "text/html" } })];
  await expect(send(false)).rejects.toThrow(TransportError);
  script = [() => new Response("<html>", { status: 404 })];
  await expect(send(false)).rejects.toMatchObject({ statusCode: 404, code: "not_found" });
});

it.each([
  "",
  "broker",
  "ftp://broker.example",
  "http://user:pass@broker.example",
  "http://broker.example?token=1",
])("is not made with the address %j", (brokerUrl) => {
  expect(() => createBrokerHttp({ brokerUrl })).toThrow(expect.objectContaining({ code: "config_invalid" }));
});
