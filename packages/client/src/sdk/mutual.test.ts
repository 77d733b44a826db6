import { generateKeyPairSync } from "node:crypto";
import { type ManualClock, isDeputizeError, manualClock, randomHex } from "@deputize/core";
import { beforeEach, describe, expect, it } from "vitest";
import { type MutualParty, type MutualPeer, answerMutual, beginMutual } from "./mutual.ts";
import { WorkerKey } from "./worker-key.ts";

/** What a broker knows: living workers with their keys and tokens. */
let known: Map<string, { peer: MutualPeer; jti: string }>;
let clock: ManualClock;
beforeEach(() => {
  known = new Map();
  clock = manualClock(0);
});

function party(name: string): MutualParty {
  const key = new WorkerKey(generateKeyPairSync("ed25519").privateKey);
  const agentId = `spiffe://agentwrit.local/agent/o/t/${name}`;
  const jti = randomHex(16);
  const peer = { agentId, appId: "app-a-000000", orchId: "o", taskId: "t", publicKey: key.publicKey };
  known.set(agentId, { peer, jti });
  return {
    agentId,
    jti: () => jti,
    sign: (text) => key.signBase64(text),
    async lookUp(id, of) {
      const found = known.get(id);
      return found?.jti === of ? found.peer : undefined;
    },
    clock,
  };
}

const code = (wanted: string) => (error: unknown) => isDeputizeError(error) && error.code === wanted;
const unproven = code("invalid_credentials");

describe("mutual authentication", () => {
  it("proves each to the other in three messages [AW-F33] [AW-D44]", async () => {
    const [alice, bob] = [party("alice"), party("bob")];
    const there = beginMutual(alice, bob.agentId);
    const here = answerMutual(bob, structuredClone(there.hello));
    const { peer, proof } = await there.finish(structuredClone(here.answer));
    expect(peer.agentId).toBe(bob.agentId);
    expect((await here.finish(structuredClone(proof))).agentId).toBe(alice.agentId);
  });

  it("refuses a forged responder [AW-D44]", async () => {
    const [alice, bob, mallory] = [party("alice"), party("bob"), party("mallory")];
    const { hello, finish } = beginMutual(alice, bob.agentId);
    // Mallory answers in Bob's name, with her own key and Bob's token id.
    const forger: MutualParty = { ...bob, sign: (text) => mallory.sign(text) };
    await expect(finish(answerMutual(forger, hello).answer)).rejects.toSatisfy(unproven);
    // And in her own name, though Alice asked for Bob.
    expect(() => answerMutual(mallory, hello)).toThrow(expect.toSatisfy(unproven));
    const again = beginMutual(alice, bob.agentId);
    const own = answerMutual(mallory, { ...again.hello, responder: mallory.agentId });
    await expect(again.finish(own.answer)).rejects.toSatisfy(unproven);
  });

  it("refuses a forged initiator: the counter-nonce is checked [AW-D44]", async () => {
    const [alice, bob, mallory] = [party("alice"), party("bob"), party("mallory")];
    const { hello, finish } = beginMutual({ ...alice, sign: (text) => mallory.sign(text) }, bob.agentId);
    const here = answerMutual(bob, hello);
    const { proof } = await finish(here.answer);
    await expect(here.finish(proof)).rejects.toSatisfy(unproven);
  });

  it("refuses swapped nonces, ids and token ids, on both sides [AW-D44]", async () => {
    const [alice, bob, carol] = [party("alice"), party("bob"), party("carol")];
    const nonce = randomHex(32);
    for (const change of [{ nonce }, { initiator: carol.agentId }]) {
      const there = beginMutual(alice, bob.agentId);
      const here = answerMutual(bob, { ...there.hello, ...change });
      await expect(there.finish(here.answer)).rejects.toSatisfy(unproven);
    }
    for (const change of [{ counter_nonce: nonce }, { jti: randomHex(16) }, { jti: carol.jti() }]) {
      const there = beginMutual(alice, bob.agentId);
      const here = answerMutual(bob, there.hello);
      await expect(there.finish({ ...here.answer, ...change })).rejects.toSatisfy(unproven);
    }
    const there = beginMutual(alice, bob.agentId);
    const here = answerMutual(bob, there.hello);
    const { proof } = await there.finish(here.answer);
    await expect(here.finish({ ...proof, jti: carol.jti() })).rejects.toSatisfy(unproven);
  });

  it("refuses what was recorded before [AW-D44]", async () => {
    const [alice, bob] = [party("alice"), party("bob")];
    const there = beginMutual(alice, bob.agentId);
    const here = answerMutual(bob, there.hello);
    const { proof } = await there.finish(here.answer);
    await here.finish(proof);
    // The first message again: Bob makes a new counter-nonce, and the old proof does not fit.
    const second = answerMutual(bob, there.hello);
    await expect(second.finish(proof)).rejects.toSatisfy(unproven);
    // The answer again, to a new exchange of Alice's.
    await expect(beginMutual(alice, bob.agentId).finish(here.answer)).rejects.toSatisfy(unproven);
    // Either end again.
    await expect(there.finish(here.answer)).rejects.toSatisfy(code("conflict"));
    await expect(here.finish(proof)).rejects.toSatisfy(code("conflict"));
  });

  it("refuses its own words sent back [AW-D44]", async () => {
    const [alice, bob] = [party("alice"), party("bob")];
    // Somebody asks Alice to answer, and shows her answer to Alice as if it were Bob's.
    const mine = beginMutual(alice, bob.agentId);
    const reflected = answerMutual(alice, {
      initiator: bob.agentId,
      responder: alice.agentId,
      nonce: mine.hello.nonce,
    });
    await expect(mine.finish(reflected.answer)).rejects.toSatisfy(unproven);
    // A responder's proof is no initiator's.
    const here = answerMutual(bob, {
      initiator: alice.agentId,
      responder: bob.agentId,
      nonce: randomHex(32),
    });
    const { jti, signature } = here.answer;
    await expect(here.finish({ jti, signature })).rejects.toSatisfy(unproven);
    expect(() => beginMutual(alice, alice.agentId)).toThrow(expect.toSatisfy(code("invalid_request")));
    expect(() =>
      answerMutual(alice, { initiator: alice.agentId, responder: alice.agentId, nonce: randomHex(32) }),
    ).toThrow(expect.toSatisfy(unproven));
  });

  it("refuses a worker that has ended, and an exchange that takes too long", async () => {
    const [alice, bob] = [party("alice"), party("bob")];
    const there = beginMutual(alice, bob.agentId);
    const here = answerMutual(bob, there.hello);
    known.delete(bob.agentId);
    await expect(there.finish(here.answer)).rejects.toSatisfy(unproven);
    const slow = answerMutual(alice, { ...there.hello, initiator: bob.agentId, responder: alice.agentId });
    clock.advance(30_001);
    await expect(slow.finish({ jti: bob.jti(), signature: bob.sign("x") })).rejects.toSatisfy(
      code("timeout"),
    );
  });

  it("refuses messages of another form", async () => {
    const [alice, bob] = [party("alice"), party("bob")];
    const { hello } = beginMutual(alice, bob.agentId);
    for (const bad of [
      null,
      "x",
      {},
      { ...hello, extra: 1 },
      { ...hello, nonce: "00" },
      { ...hello, initiator: "bob" },
    ])
      expect(() => answerMutual(bob, bad)).toThrow(expect.toSatisfy(code("validation_failed")));
    for (const bad of [null, [], { jti: "", signature: "" }])
      await expect(beginMutual(alice, bob.agentId).finish(bad)).rejects.toSatisfy(code("validation_failed"));
  });
});
