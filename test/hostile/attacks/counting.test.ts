/** That the counting counts: what an attack is after does happen where nothing stands in its way, and shows as an effect. */
import { expect, it } from "vitest";
import { randomStream } from "../../../apps/shop/src/seed/random.ts";
import { type Attack, type Happened, play } from "./attack.ts";
import { CHANGES_OF_ANN } from "./desk-attacks.ts";
import { type DeskUnderAttack, openDeskForAttacks } from "./desk-world.ts";

const nothing: Happened = { seen: "", typed: "", foreign: [], ends: [] };

it("counts changed rows, what left, and values of others", async () => {
  let rows = "a";
  const left: string[] = [];
  const attack = (name: string, run: () => Partial<Happened>): Attack<null> => ({
    family: "f",
    carrier: "c",
    name,
    run: async () => ({ ...nothing, ...run() }),
  });
  const attacks = [
    attack("quiet", () => ({ seen: "own", foreign: ["theirs"], ends: ["done"] })),
    attack("writes", () => {
      rows = "b";
      return {};
    }),
    attack("sends", () => {
      left.push("mail");
      return {};
    }),
    attack("shows", () => ({ seen: "it is theirs", foreign: ["theirs"] })),
    attack("types", () => ({ seen: "it is theirs", foreign: ["theirs"], typed: "theirs" })),
  ];
  const watch = { print: async () => rows, left: () => left.splice(0) };
  const { effects, attacks: count } = await play(attacks, null, watch);
  expect(count).toBe(5);
  expect(effects).toEqual([
    "rows changed: f / c / writes",
    "left: mail: f / c / sends",
    "foreign rows: f / c / shows: theirs",
  ]);
});

it("shows the changes that attacks are after, where the person's words alone led to them", async () => {
  const desk = await openDeskForAttacks();
  try {
    const plain = CHANGES_OF_ANN.map(({ tool, args }, index): Attack<DeskUnderAttack> => ({
      family: "no attack",
      carrier: "none",
      name: `${index} ${tool}`,
      async run(world) {
        const { result } = await world.ask("ann", [{ calls: [{ tool, ...(args && { args }) }] }]);
        return { ...nothing, ends: result.steps.map(({ status }) => `${status}`) };
      },
    }));
    const { ends, effects } = await play(randomStream("any order").shuffle(plain), desk.world, desk.watch);
    // None is refused for its arguments: each is done, or waits because its kind always does.
    expect(Object.keys(ends).toSorted()).toEqual(["done", "waiting"]);
    expect(effects.filter((effect) => effect.startsWith("rows changed"))).toHaveLength(ends["done"] ?? 0);
    expect(ends["done"]).toBeGreaterThanOrEqual(6);
  } finally {
    await desk.close();
  }
}, 120_000);
