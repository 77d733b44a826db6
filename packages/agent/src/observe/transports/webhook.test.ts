/** Webhooks: signed, sent again where that helps, and never into a private network. */
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DeputizeError } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { called, ended, eventOf } from "../events.fixture.ts";
import { observe } from "../observe.ts";
import { isPublicAddress } from "../../webhooks/public-address.ts";
import { verifyEventSignature, webhookKey } from "../../webhooks/webhook-signature.ts";
import { type WebhookOptions, webhookTransport } from "./webhook.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const signal = new AbortController().signal;

interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Answers each request with the next status, the last one for all that follow. */
async function receiver(...statuses: number[]) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      response.statusCode = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 204;
      if (response.statusCode === 302) response.setHeader("location", "/elsewhere");
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { received, port: (server.address() as AddressInfo).port };
}

const hook = (port: number, options: Partial<WebhookOptions> = {}) =>
  webhookTransport({
    url: `http://127.0.0.1:${port}/hook?key=in-the-address`,
    secret: SECRET,
    allowPrivate: true,
    retryAfterMs: [1, 1],
    ...options,
  });

describe("webhookTransport", () => {
  it("posts records in a body that the receiver can verify [PR-F47] [PR-F48]", async () => {
    const { received, port } = await receiver(204);
    await hook(port).send([eventOf({ kind: "turn_started" }), eventOf(ended())], signal);
    const [{ headers, body }] = received as [Received];
    expect(JSON.parse(body)).toMatchObject({
      type: "agent.events",
      data: { events: [{ kind: "turn_started" }, { kind: "turn_ended" }] },
    });
    expect(verifyEventSignature({ secret: SECRET, headers, body })).toBe(true);
  });

  it.each([
    [[500, 429, 204], 3, false],
    [[500], 3, true],
    [[400], 1, true],
    [[302], 1, true],
  ])("answered %j, asks %s times", async (statuses, times, fails) => {
    const { received, port } = await receiver(...statuses);
    const sent = hook(port).send([eventOf(called("m"))], signal);
    await (fails ? expect(sent).rejects.toThrow(/^the webhook was (?:again|refused)$/) : sent);
    expect(received).toHaveLength(times);
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    for (const { headers, body } of received)
      expect(verifyEventSignature({ secret: SECRET, headers, body })).toBe(true);
  });

  it("tells nothing of address or secret when it fails", async () => {
    const error = await Promise.resolve(hook(9).send([eventOf(ended())], signal)).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error) + JSON.stringify(error)).not.toMatch(/127\.0|in-the-address|whsec/);
  });

  it("waits for nobody: a receiver that does not answer keeps no turn, and its records are counted as lost", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    stops.push(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const transporter = { ...hook((silent.address() as AddressInfo).port), timeoutMs: 30 };
    const watching = observe({ transporters: [transporter], queue: 2 });
    for (let at = 0; at < 4; at += 1) watching(eventOf(called("m")));
    await watching.close();
    expect(watching.counts()[0]).toMatchObject({ sent: 0, dropped: 2, failed: 2 });
  });

  it.each([
    "http://example.com/hook",
    "ftp://example.com/hook",
    "https://user:pass@example.com/hook",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://10.1.2.3/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:7f00:1::]/",
    "no address",
  ])("refuses %s at start-up [PR-F48]", (url) => {
    expect(() => webhookTransport({ url, secret: SECRET })).toThrow(DeputizeError);
  });

  it.each([
    [["127.0.0.1"]],
    [["10.0.0.5"]],
    [["169.254.169.254"]],
    [["::1"]],
    [["fd12::1"]],
    [["93.184.215.14", "192.168.1.1"]],
    [[]],
  ])(
    "refuses a public name that resolves to %j, without a connection and without trying again",
    async (addresses) => {
      let asked = 0;
      const transporter = webhookTransport({
        url: "https://hooks.example.com/",
        secret: SECRET,
        retryAfterMs: [1, 1],
        resolve: async () => {
          asked += 1;
          return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
        },
      });
      await expect(transporter.send([eventOf(ended())], signal)).rejects.toThrow("the webhook was refused");
      expect(asked).toBe(1);
    },
  );

  it("refuses the name of this machine by the system's own resolver", async () => {
    const transporter = webhookTransport({ url: "https://localhost:9/", secret: SECRET, retryAfterMs: [] });
    await expect(transporter.send([eventOf(ended())], signal)).rejects.toThrow("the webhook was refused");
  });

  it("connects to the address that was checked, and checks each new connection [PR-F48]", async () => {
    const { received, port } = await receiver(204);
    const answers = [["127.0.0.1"], ["127.0.0.1"]];
    const transporter = webhookTransport({
      url: `http://hooks.example.com:${port}/`,
      secret: SECRET,
      allowPrivate: true,
      resolve: async () => (answers.shift() ?? []).map((address) => ({ address, family: 4 })),
    });
    await transporter.send([eventOf(ended())], signal);
    expect(received[0]?.headers.host).toBe(`hooks.example.com:${port}`);
    await transporter.close?.();
  });
});

describe("isPublicAddress", () => {
  it("knows the networks that are nobody's or somebody's own", () => {
    for (const address of [
      "93.184.215.14",
      "8.8.8.8",
      "172.32.0.1",
      "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    ])
      expect(isPublicAddress(address), address).toBe(true);
    for (const address of [
      ..."0.0.0.0 100.64.0.1 172.16.0.1 172.31.255.255 192.0.2.1 192.168.0.1 198.18.0.1 224.0.0.1 255.255.255.255".split(
        " ",
      ),
      ...":: ::1 ::ffff:8.8.8.8 fe80::1 fe80::1%eth0 fc00::1 ff02::1 2001:db8::1 2001::1 2002::1 3fff::1 64:ff9b::1".split(
        " ",
      ),
      "localhost",
      "",
    ])
      expect(isPublicAddress(address), address).toBe(false);
  });
});

describe("verifyEventSignature", () => {
  // The specification's own example.
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const body = '{"test": 2432232314}';
  const headers = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const nowMs = 1_614_265_330_000;
  const good = { secret, body, headers, nowMs };

  it("takes what Standard Webhooks signs", () => {
    expect(verifyEventSignature(good)).toBe(true);
    expect(verifyEventSignature({ ...good, headers: new Headers(headers) })).toBe(true);
    const rotated = { ...headers, "webhook-signature": `v1,AAAA ${headers["webhook-signature"]}` };
    expect(verifyEventSignature({ ...good, headers: rotated })).toBe(true);
  });

  it.each([
    ["another body", { body: '{"test": 2432232315}' }],
    ["another secret", { secret: SECRET }],
    ["another id", { headers: { ...headers, "Webhook-Id": "msg_x" } }],
    ["another time", { headers: { ...headers, "webhook-timestamp": "1614265331" } }],
    ["no time", { headers: { ...headers, "webhook-timestamp": "now" } }],
    [
      "another version",
      { headers: { ...headers, "webhook-signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" } },
    ],
    ["no signature", { headers: {} }],
    ["an old request", { nowMs: nowMs + 301_000 }],
    ["a request of the future", { nowMs: nowMs - 301_000 }],
  ])("refuses %s", (_, change) => {
    expect(verifyEventSignature({ ...good, ...change })).toBe(false);
  });

  it("takes no short secret", () => {
    for (const short of ["", "short", "whsec_", "whsec_AAAA"])
      expect(() => webhookKey(short)).toThrow(/24 bytes/);
  });
});
