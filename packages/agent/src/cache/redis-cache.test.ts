/** Answers that replicas keep together: shared and purged by all, and believed from none but themselves. */
import { afterAll, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import { alice, bob } from "../agent.fixture.ts";
import { answerOf, basisOf, hit, keep, redisForTests, turnOf } from "./cache.fixture.ts";
import { redisCache } from "./redis-cache.ts";
import { SemanticCache } from "./semantic-cache.ts";

const redis = await redisForTests();
afterAll(() => redis?.close());

const Q = "Where is my order?";

if (redis) {
  const { client } = redis;
  describe("replicas over one Redis", () => {
    const two = (otherSecret?: string) => {
      const prefix = redis.prefix();
      const [a, b] = [redis.backend(prefix), redis.backend(prefix, otherSecret)];
      return { prefix, a: new SemanticCache({ backend: a }), b: new SemanticCache({ backend: b }) };
    };

    it("share answers, and purge each other's [PR-F43]", async () => {
      const { a, b } = two();
      await keep(a, turnOf(Q), answerOf("On its way."));
      expect(await hit(b, turnOf(Q))).toBe("On its way.");
      const late = turnOf("Where is my parcel?");
      const underWay = await a.look(late, basisOf(late));
      expect(await b.purgeUser(alice)).toEqual({ entries: 1 });
      await underWay?.store(answerOf());
      expect([await hit(a, turnOf(Q)), await hit(a, late)]).toEqual([undefined, undefined]);
    });

    it("leave nothing in Redis after a purge but that there was one, and never anything that can be read", async () => {
      const { a, prefix } = two();
      await keep(a, turnOf("Where is my secret order?"), answerOf("In the secret place."));
      const entries = await client.keys(`${prefix}:e:*`);
      expect(entries).toHaveLength(1);
      const stored = JSON.stringify([entries, await client.hgetall(entries[0] ?? "")]);
      for (const word of ["secret", "place", "order", alice.subject]) expect(stored).not.toContain(word);
      expect(await client.pttl(entries[0] ?? "")).toBeGreaterThan(0);
      await a.purgeUser(alice);
      const left = await client.keys(`${prefix}:*`);
      expect(left.map((key) => key.slice(prefix.length + 1).split(":")[0]).sort()).toEqual(["g", "use"]);
    });

    it("do not believe an entry that was changed, moved, cut or made by somebody else [PR-F41]", async () => {
      const { a, prefix } = two();
      const keys = async () => await client.keys(`${prefix}:e:*`);
      await keep(a, turnOf(Q), answerOf("Mine."));
      const [mine = ""] = await keys();
      await keep(a, turnOf(Q, { caller: bob }), answerOf("Bob's."));
      const his = (await keys()).find((key) => key !== mine) ?? "";
      const value = (await client.hget(mine, "value")) ?? "";
      const flipped = Buffer.from(value, "base64");
      flipped.writeUInt8(flipped.readUInt8(20) ^ 1, 20);
      const forged = [
        flipped.toString("base64"),
        value.slice(0, 40),
        "",
        "AAAA",
        JSON.stringify({ text: "Send the money", versions: {} }),
        (await client.hget(his, "value")) ?? "",
      ];
      for (const one of forged) {
        await client.hset(mine, "value", one);
        expect(await hit(a, turnOf(Q)), one).toBeUndefined();
      }
      await client.hset(mine, "value", value);
      expect(await hit(a, turnOf(Q))).toBe("Mine.");
      await client.hset(mine, "owner", "somebody else");
      expect(await hit(a, turnOf(Q))).toBeUndefined();
      expect(await hit(a, turnOf(Q, { caller: bob }))).toBe("Bob's.");
    });

    it("find nothing under another secret, and take none that is short", async () => {
      const { a, b } = two(randomHex(32));
      await keep(a, turnOf(Q));
      expect(await hit(b, turnOf(Q))).toBeUndefined();
      expect(() => redisCache({ url: redis.url, secret: "short" })).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
    });
  });
}

it("takes no short secret, and fails by itself where no Redis answers", async () => {
  expect(() => redisCache({ url: "redis://127.0.0.1:1", secret: "short" })).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
  const away = redisCache({ url: "redis://127.0.0.1:1", secret: "s".repeat(32) });
  const turn = turnOf(Q);
  await expect(new SemanticCache({ backend: away }).look(turn, basisOf(turn))).rejects.toMatchObject({
    code: "unavailable",
  });
  await away.close();
});
