/** Workers that meet each other, over the real registry; and their heartbeats. */
import {
  type Agent,
  DeputizeApp,
  answerMutual,
  beginMutual,
  isDeputizeError,
  startHeartbeat,
} from "@deputize/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestBroker, openTestBroker } from "./testing.ts";

let broker: TestBroker;
let app: DeputizeApp;
beforeAll(async () => {
  broker = await openTestBroker();
  app = await broker.newApp(["read:data:*"]);
});
afterAll(() => broker?.[Symbol.asyncDispose]());

const worker = (of: DeputizeApp, task: string): Promise<Agent> =>
  of.createAgent({ orchId: "meeting", taskId: task, requestedScope: ["read:data:1"] });
const unproven = (error: unknown): boolean => isDeputizeError(error, "invalid_credentials");

/** All three messages, as text over some channel. */
async function meet(alice: Agent, bob: Agent): Promise<[string, string]> {
  const wire = <T>(message: T): T => JSON.parse(JSON.stringify(message)) as T;
  const there = beginMutual(alice, bob.agentId);
  const here = answerMutual(bob, wire(there.hello));
  const { peer, proof } = await there.finish(wire(here.answer));
  return [peer.agentId, (await here.finish(wire(proof))).agentId];
}

describe("two workers", () => {
  it("prove themselves to each other by the keys that they registered [AW-F33] [AW-D44]", async () => {
    await using alice = await worker(app, "asks");
    await using bob = await worker(app, "answers");
    expect(await meet(alice, bob)).toEqual([bob.agentId, alice.agentId]);
    await alice.renew();
    await bob.renew();
    expect(await meet(alice, bob)).toEqual([bob.agentId, alice.agentId]);
  });

  it("do not believe one that was released, nor one of another app [AW-D11] [AW-D44]", async () => {
    await using alice = await worker(app, "asks");
    const bob = await worker(app, "answers");
    const there = beginMutual(alice, bob.agentId);
    const here = answerMutual(bob, there.hello);
    await bob.release();
    await expect(there.finish(here.answer)).rejects.toSatisfy(unproven);
    const elsewhere = await broker.newApp(["read:data:*"]);
    await using carol = await worker(elsewhere, "answers");
    await expect(meet(alice, carol)).rejects.toSatisfy(unproven);
  });
});

describe("heartbeats of the SDK", () => {
  it("show in the registry, and stop when the token ends, telling its holder once [AW-F33]", async () => {
    const alive = await worker(app, "beats");
    await using asker = await worker(app, "watches");
    const told: unknown[] = [];
    const stop = await startHeartbeat(alive, { everyMs: 50, onFailed: (error) => told.push(error) });
    const seen = await asker.fetch(`${broker.url}/v1/agents?agent_id=${encodeURIComponent(alive.agentId)}`);
    expect(await seen.json()).toMatchObject({ agents: [{ last_heartbeat: expect.stringMatching(/Z$/) }] });
    await broker.operator.revoke({ level: "agent", target: alive.agentId });
    const deadline = performance.now() + 5_000;
    while (told.length === 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 200));
    stop();
    expect(told).toHaveLength(1);
    expect(isDeputizeError(told[0], "invalid_token")).toBe(true);
  });
});
