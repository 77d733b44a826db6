import { isDeputizeError, manualClock, systemClock } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { afterEach, describe, expect, it } from "vitest";
import { type Running, startServer, token } from "../server.fixture.ts";
import { hopsAddress } from "./hops.ts";
import { type RateLimitInput, rateLimiter } from "./rate-limiter.ts";

const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"];
const kinds = redisUrl === undefined ? ["memory"] : ["memory", "redis"];

for (const kind of kinds) {
  describe(`rate limits, counted in ${kind}`, () => {
    async function start(
      setting: RateLimitInput,
      more: Parameters<typeof startServer>[0] = {},
    ): Promise<Running> {
      const ephemeral = await openEphemeral({
        clock: systemClock,
        ...(kind === "redis" && redisUrl !== undefined && { redisUrl }),
      });
      const server = await startServer({
        limiter: rateLimiter({ setting, ephemeral, clock: systemClock }),
        source: hopsAddress(1),
        ...more,
      });
      const stop = server.stop;
      const held = { ...server, stop: async () => (await stop(), ephemeral.close()) };
      running.push(held);
      return held;
    }
    /** Another one each time, so that counts of earlier runs in Redis do not matter. */
    const unique = (): number => 600 + Math.floor(Math.random() * 80_000);
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    const some = (): string =>
      `2001:db8::${Math.floor(Math.random() * 65_535).toString(16)}:${Math.floor(Math.random() * 65_535).toString(16)}`;

    it("[AF-F13] by address: the third of two is 429, and says when to come back", async () => {
      const server = await start(
        { by: "ip", requests: 2, window: unique() },
        { cors: { origins: ["https://app.example"] } },
      );
      const mine = { headers: { ...from(some()).headers, origin: "https://app.example" } };
      const [one, two, three] = [
        await server.ask("/ping", mine),
        await server.ask("/ping", mine),
        await server.ask("/ping", mine),
      ];
      expect([one.status, two.status, three.status]).toEqual([200, 200, 429]);
      expect([one, two, three].map(({ headers }) => headers.get("x-ratelimit-remaining"))).toEqual([
        "1",
        "0",
        "0",
      ]);
      expect(three.headers.get("x-ratelimit-limit")).toBe("2");
      expect(Number(three.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(three.headers.get("access-control-allow-origin")).toBe("https://app.example");
      expect(three.headers.get("x-request-id")).toBe(
        ((await three.json()) as { request_id: string }).request_id,
      );
      expect((await server.ask("/ping", from(some()))).status).toBe(200);
      expect((await server.ask("/health", mine)).status).toBe(200);
    });

    it("[AF-D14] counts no preflight, and believes no address but the nearest proxy's", async () => {
      const server = await start(
        { by: "ip", requests: 1, window: unique() },
        { cors: { origins: ["https://app.example"] } },
      );
      const address = some();
      for (let n = 0; n < 5; n += 1) {
        const preflight = await server.ask("/threads", {
          method: "OPTIONS",
          headers: {
            origin: "https://app.example",
            "access-control-request-method": "POST",
            "x-forwarded-for": address,
          },
        });
        expect(preflight.status).toBe(204);
      }
      expect((await server.ask("/ping", from(address))).status).toBe(200);
      for (const spoofed of [`1.2.3.4, ${address}`, `${some()},${address}`, `nonsense, ${address}`])
        expect((await server.ask("/ping", from(spoofed))).status).toBe(429);
    });

    it("[AF-F13] by user, key and tenant: each counts by itself, wherever they come from", async () => {
      const byUser = await start({ by: "user", requests: 1, window: unique() });
      const user = `u${unique()}`;
      const statuses = [];
      for (const userId of [user, user, `${user}-other`])
        statuses.push(
          (await byUser.ask("/threads", { bearer: await token({ userId }), ...from(some()) })).status,
        );
      expect(statuses).toEqual([200, 429, 200]);

      const byKey = await start({ limits: [{ by: "key", requests: 1, window: unique() }] });
      const key = (jti: string) => token({ userId: user, claims: { jti } });
      const keys = [];
      for (const bearer of [await key("a"), await key("b"), await key("a")])
        keys.push((await byKey.ask("/threads", { bearer })).status);
      expect(keys).toEqual([200, 200, 429]);

      const byTenant = await start({ limits: [{ by: "tenant", requests: 1, window: unique() }] });
      const both = [
        await byTenant.ask("/threads", { as: `${user}-1` }),
        await byTenant.ask("/threads", { as: `${user}-2` }),
      ];
      expect(both.map(({ status }) => status)).toEqual([200, 429]);
    });

    it("[AF-F13] for everybody together, and again when the window is over", async () => {
      const clock = manualClock(Date.UTC(2026, 0, 5));
      const ephemeral = await openEphemeral({ clock });
      const server = await startServer({
        limiter: rateLimiter({ setting: { by: "global", requests: 1, window: 60 }, ephemeral, clock }),
      });
      running.push(server);
      const ask = async (): Promise<number> => (await server.ask("/ping")).status;
      expect([await ask(), await ask()]).toEqual([200, 429]);
      clock.advance(120_000);
      expect(await ask()).toBe(200);
    });
  });
}

describe("rate limits", () => {
  it("say what is wrong with a setting", async () => {
    const ephemeral = await openEphemeral({ clock: systemClock });
    for (const setting of [{ requests: 0 }, { by: "moon" }, { windows: 3 }]) {
      let said: unknown;
      try {
        rateLimiter({ setting: setting as RateLimitInput, ephemeral, clock: systemClock });
      } catch (error) {
        said = error;
      }
      expect(isDeputizeError(said, "config_invalid")).toBe(true);
    }
    expect(() => hopsAddress(-1)).toThrow("trusted_proxy_hops");
  });

  it("[AF-D14] take the address that the outermost of our proxies saw", () => {
    expect(hopsAddress(0)("10.0.0.1", "1.1.1.1")).toBe("10.0.0.1");
    expect(hopsAddress(1)("10.0.0.1", "6.6.6.6, 1.1.1.1")).toBe("1.1.1.1");
    expect(hopsAddress(2)("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2")).toBe("1.1.1.1");
    expect(hopsAddress(3)("10.0.0.1", "1.1.1.1")).toBe("10.0.0.1");
    expect(hopsAddress(1)("::ffff:10.0.0.1", "junk")).toBe("10.0.0.1");
  });
});
