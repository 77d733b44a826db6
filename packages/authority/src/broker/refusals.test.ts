import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestApp, type TestBroker, openTestBroker } from "../testing/test-broker.ts";

let world: TestBroker;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("budgets");
});
afterAll(() => world.close());

it("a worker that is refused without end fills no log, hides nobody's refusal, and effects go on [SR-19]", async () => {
  const [loud, quiet, target] = [await world.worker(app), await world.worker(app), await world.worker(app)];
  const tooMuch = (from: typeof loud) =>
    world.broker.workers.delegate(from.caller, { delegateTo: target.agentId, scope: ["write:data:1"] });
  for (let n = 0; n < 100; n += 1) {
    await expect(tooMuch(loud)).rejects.toMatchObject({ code: "scope_exceeded" });
  }
  await expect(tooMuch(quiet)).rejects.toMatchObject({ code: "scope_exceeded" });
  const entries = await world.recorded("delegation_attenuation_violation");
  const of = (who: typeof loud) => entries.filter(({ agent }) => agent === who.agentId);
  expect([of(loud).length, of(quiet).length]).toEqual([30, 1]);
  await world.delegate(loud.caller, target.agentId, ["read:data:1"]);
  expect(
    (await world.recorded("delegation_created")).filter(({ agent }) => agent === loud.agentId),
  ).toHaveLength(1);
});
