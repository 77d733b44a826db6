/** Each provider as its SDK really speaks to it: a local server answers in the provider's own format. */
import { inspect } from "node:util";
import type { ModelMessage } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StepResult, modelStep } from "../loop/model-step.ts";
import type { ModelFault } from "./model-fault.ts";
import { type ProviderServer, events, providerServer, status } from "./provider-server.fixture.ts";
import { type ModelOptions, modelFrom } from "./resolve-model.ts";
import { KEY, TOKENS, WIRES } from "./wire.fixture.ts";

let server: ProviderServer;
beforeAll(async () => {
  server = await providerServer();
});
afterAll(() => server?.close());

const QUESTION = "Where is the order of Ada Lovelace?";
const question: ModelMessage = { role: "user", content: QUESTION };
const tools = [
  {
    name: "get_order",
    description: "An order.",
    inputSchema: { type: "object" as const, properties: { limit: { type: "number" as const } } },
  },
];

describe.each(Object.entries(WIRES))("%s", (_, wire) => {
  const said: string[] = [];
  const model = (options: ModelOptions = {}) =>
    modelFrom(wire.setting, wire.env, { fetch: server.fetch, retries: { backoffMs: 1 }, ...options });

  function step(
    one = model(),
    messages: readonly ModelMessage[] = [question],
    signal = AbortSignal.timeout(10_000),
  ): Promise<StepResult> {
    said.length = 0;
    const onText = (text: string): void => void said.push(text);
    return modelStep({ model: one, instructions: "Help.", messages, tools, signal, onText });
  }

  /** The fault of a call that fails, once it was looked through for what must not be in it. */
  async function fault(work: Promise<unknown>): Promise<ModelFault> {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const everything = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error);
    expect(everything).not.toContain(KEY);
    expect(everything).not.toContain("Lovelace");
    expect(error).toMatchObject({ name: "ModelFault" });
    return error as ModelFault;
  }

  it("streams text, with the tokens, from the right address with the key in its header", async () => {
    server.play(events(wire.text(["It is ", "on its ", "way."])));
    expect(await step()).toMatchObject({ text: "It is on its way.", calls: [], ...TOKENS });
    expect(said).toEqual(["It is ", "on its ", "way."]);
    const [seen] = server.seen;
    expect(seen?.url).toBe(wire.address);
    expect(seen?.headers[wire.key[0]]).toBe(wire.key[1]);
    expect(seen?.body).toContain(QUESTION);
    expect(seen?.url).not.toContain(KEY);
    expect(seen?.body).not.toContain('"store":true');
    if (wire.address.endsWith("/responses")) expect(seen?.body).toContain('"store":false');
  });

  it("puts a call's arguments together, and takes the result", async () => {
    server.play(events(wire.call(['{"li', 'mit"', ":1}"])), events(wire.text(["One order."])));
    const first = await step();
    expect(first).toMatchObject({ text: "", ...TOKENS });
    expect(first.calls).toMatchObject([{ tool: "get_order", args: { limit: 1 }, claimsExecuted: false }]);
    const result = {
      type: "tool-result" as const,
      toolCallId: first.calls[0]?.modelCallId ?? "",
      toolName: "get_order",
      output: { type: "json" as const, value: { number: "ORD-77" } },
    };
    const second = await step(model(), [question, ...first.messages, { role: "tool", content: [result] }]);
    expect(second.text).toBe("One order.");
    expect(server.seen[1]?.body).toContain("ORD-77");
    expect(server.seen[1]?.body).toContain("get_order");
    expect(server.seen[1]?.body).not.toContain("item_reference");
  });

  it.each([
    [400, "invalid_request", 1],
    [401, "unavailable", 1],
    [403, "unavailable", 1],
    [404, "unavailable", 1],
    [413, "payload_too_large", 1],
    [422, "invalid_request", 1],
    [429, "rate_limited", 3],
    [500, "unavailable", 3],
    [503, "unavailable", 3],
    [529, "unavailable", 3],
  ])("answers %i with `%s`, after %i tries, and says nothing of the body", async (code, expected, tries) => {
    server.play(status(code, wire.error(code, `no: key ${KEY} asked ${QUESTION}`)));
    expect((await fault(step())).code).toBe(expected);
    expect(server.seen).toHaveLength(tries);
  });

  it("takes an error's page that is no JSON", async () => {
    server.play(status(502, `<html>bad gateway ${KEY}</html>`, { "content-type": "text/html" }));
    expect((await fault(step())).code).toBe("unavailable");
  });

  it("tries again after a fault that passes", async () => {
    server.play(
      status(500, wire.error(500, "no")),
      status(529, wire.error(529, "no")),
      events(wire.text(["Hi."])),
    );
    expect((await step()).text).toBe("Hi.");
    expect(server.seen).toHaveLength(3);
  });

  it("waits for as long as it was told to, and not at all for what is too long", async () => {
    server.play(
      status(429, wire.error(429, "slow down"), { "retry-after-ms": "30" }),
      events(wire.text(["Hi."])),
    );
    expect((await step()).text).toBe("Hi.");

    const limited = status(429, wire.error(429, "slow down"), { "retry-after": "900" });
    server.play(limited);
    const one = model();
    expect(await fault(step(one))).toMatchObject({ code: "rate_limited", retryAfterSeconds: 900 });
    // Nobody is sent to a provider that asked to be left alone.
    expect(await fault(step(one))).toMatchObject({ code: "rate_limited" });
    expect(server.seen).toHaveLength(1);
  });

  it("tries again when the connection is cut before anything was said", async () => {
    server.play(events([], "cut"), events(wire.text(["Hi."])));
    expect((await step()).text).toBe("Hi.");
    expect(server.seen).toHaveLength(2);
  });

  it("never asks again once something was said, and takes no half answer for one", async () => {
    const whole = wire.text(["It is ", "on its ", "way."]);
    const half = whole.slice(0, whole.length - wire.ends);
    for (const end of ["cut", "end"] as const) {
      server.play(events(half, end));
      expect((await fault(step())).code).toBe("unavailable");
      expect(said.join("")).toContain("It is on its ");
      expect(server.seen).toHaveLength(1);
    }
  });

  it("carries out no call that was cut", async () => {
    const whole = wire.call(['{"limit":', "1}"]);
    server.play(events(whole.slice(0, whole.length - wire.ends)));
    await fault(step(model({ retries: { tries: 1 } })));
  });

  it("tells an error that comes within the stream", async () => {
    const whole = wire.text(["It is ", "on its way."]);
    server.play(events([...whole.slice(0, whole.length - wire.ends), wire.lateError]));
    expect((await fault(step())).code).toBe("unavailable");
    expect(server.seen).toHaveLength(1);
  });

  it("takes no answer that is not readable", async () => {
    server.play(events([`data: {"oops ${KEY} ${QUESTION}\n\n`]));
    expect((await fault(step())).code).toBe("unavailable");
    server.play(events([{ unheard: `of ${KEY}` }]));
    expect((await fault(step())).code).toBe("unavailable");
    server.play(status(200, `{"half": ${KEY}`));
    expect((await fault(step())).code).toBe("unavailable");
  });

  it("gives up on headers that do not come, and on silence, and closes the connection", async () => {
    server.play(() => {});
    const error = await fault(step(model({ patience: { headersMs: 60 } })));
    expect(error.code).toBe("timeout");
    expect(server.seen).toHaveLength(1);
    await server.seen[0]?.closed;

    server.play(events(wire.text(["It is ", "on its "]).slice(0, -wire.ends), "silence"));
    expect((await fault(step(model({ patience: { silenceMs: 60 } })))).code).toBe("timeout");
    await server.seen[0]?.closed;
  });

  it("stops the request when the run is stopped, before and after it began to answer", async () => {
    class Stop extends Error {}
    server.play(() => {});
    const early = new AbortController();
    const waiting = step(model(), [question], early.signal);
    await until(() => server.seen.length === 1);
    early.abort(new Stop());
    await expect(waiting).rejects.toBeInstanceOf(Stop);
    await server.seen[0]?.closed;

    const late = new AbortController();
    server.play(events(wire.text(["It is ", "on its "]).slice(0, -wire.ends), "silence"));
    const speaking = step(model(), [question], late.signal);
    await until(() => said.length > 0);
    late.abort(new Stop());
    await expect(speaking).rejects.toBeInstanceOf(Stop);
    await server.seen[0]?.closed;
    expect(server.seen).toHaveLength(1);
  });

  it("follows no redirect, which would carry the key away", async () => {
    server.play(status(307, "", { location: `${wire.address}/elsewhere` }));
    const one = model({ fetch: server.fetch, retries: { tries: 1 } });
    expect((await fault(step(one))).code).toBe("unavailable");
    expect(server.seen).toHaveLength(1);
    // A redirect to where the connection leads would arrive.
    server.play(status(307, "", { location: "/elsewhere" }));
    expect((await fault(step(one))).code).toBe("unavailable");
    expect(server.seen).toHaveLength(1);
  });

  it("says that nobody is there, when nobody is", async () => {
    const nowhere: typeof fetch = (_input, init) => fetch("http://127.0.0.1:1/", init);
    expect((await fault(step(model({ fetch: nowhere })))).code).toBe("unavailable");
  });
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}
