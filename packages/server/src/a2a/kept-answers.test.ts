/** Answers that an agent made with another one's, given again by it: until anybody writes to what they were made of [SR-22]. */
import {
  type AgentEvent,
  type AgentOptions,
  InMemoryProvider,
  SemanticCache,
  type SemanticCacheOptions,
  type TextGuard,
  type TurnRequest,
  VectorProvider,
  agentMemory,
  storeVersions,
} from "@deputize/agent";
import type { ScriptedTurn } from "@deputize/agent/testing";
import { DeputizeError } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fakeAuthority } from "../testing.ts";
import type { Specialist } from "./call-specialist.ts";
import {
  addOrder,
  alice,
  asked,
  asks,
  bob,
  frontDesk,
  looksUp,
  openOrders,
  priced,
} from "./two-agents.fixture.ts";

let store: TestStore;
let back: () => Promise<void>;
beforeAll(async () => {
  store = await openOrders();
  back = await store.mark();
});
afterAll(() => store?.close());
beforeEach(() => back());

const cacheOf = (options: SemanticCacheOptions = {}) =>
  new SemanticCache({ versions: storeVersions(store), ...options });

interface Desk {
  readonly front: readonly ScriptedTurn[];
  readonly callee: readonly ScriptedTurn[];
  readonly frontOptions?: Partial<AgentOptions>;
  readonly calleeOptions?: Partial<AgentOptions>;
  readonly specialist?: Partial<Specialist>;
}

/** A front desk with a cache; `complete` says whether each model was asked for each turn of its script. */
function desk({ front, callee, frontOptions, calleeOptions, specialist }: Desk) {
  const looks: string[] = [];
  const [frontModel, calleeModel] = [priced(front), priced(callee)];
  const agent = frontDesk({
    store,
    frontModel,
    calleeModel,
    specialist: { account: true, sameData: true, ...specialist },
    callee: calleeOptions ?? {},
    front: {
      cache: cacheOf(),
      observers: [(event: AgentEvent) => void (event.kind === "cache_looked" && looks.push(event.result))],
      ...frontOptions,
    },
  });
  return {
    looks,
    calleeModel,
    frontModel,
    ask: async (more: Partial<TurnRequest> = {}) => agent.run({ ...asked(), ...more }),
    complete: () => [frontModel, calleeModel].forEach((model) => model.assertComplete()),
  };
}

const said = async (result: Promise<{ readonly response: string }>): Promise<string> =>
  (await result).response;

describe("an answer made with another agent's", () => {
  it("is given again without either model while nothing changed, and ends with anybody's write [SR-22] [PR-D34]", async () => {
    const { ask, looks, complete } = desk({ front: asks("None.", "One."), callee: looksUp("None.", "One.") });
    expect([await said(ask()), await said(ask())]).toEqual(["None.", "None."]);
    await addOrder(store, bob, bob);
    expect(await said(ask())).toBe("None.");
    await addOrder(store, alice, bob);
    expect([await said(ask()), await said(ask())]).toEqual(["One.", "One."]);
    expect(looks).toEqual(["miss", "hit", "hit", "miss", "hit"]);
    complete();
  });

  it.each(["the other agent has read", "the other agent has answered"])(
    "is never stale because of a write after %s and before it is kept [SR-22] [PR-D34]",
    async (when) => {
      const gate = Promise.withResolvers<void>();
      const held = (text: string) => ({ text, after: gate.promise });
      const early = when === "the other agent has read";
      const { ask, looks, calleeModel, frontModel, complete } = desk({
        front: [...(early ? asks("None.") : [asks("")[0] ?? {}, held("None.")]), ...asks("One.")],
        callee: looksUp(early ? held("None.") : "None.", "One."),
      });
      const first = ask();
      // Each is held back after its tool has answered.
      await expect.poll(() => (early ? calleeModel : frontModel).asked.length, { timeout: 30_000 }).toBe(2);
      await addOrder(store, alice, bob);
      gate.resolve();
      expect(await said(first)).toBe("None.");
      expect([await said(ask()), await said(ask())]).toEqual(["One.", "One."]);
      expect(looks).toEqual(["miss", "miss", "hit"]);
      complete();
    },
  );

  it("is not given to a person who may not ask that agent any more, and again once they may [PR-D32] [SR-10]", async () => {
    const { ask, looks, complete } = desk({
      front: [...asks("None."), { text: "I may not ask." }],
      callee: looksUp("None."),
    });
    await ask();
    const { caller, message } = asked();
    const nobody = { caller, message, authority: fakeAuthority("alice", ["customer-support"], []) };
    expect(await said(ask(nobody))).toBe("I may not ask.");
    const ended = {
      tokenFor: () => Promise.reject(new DeputizeError("grant_revoked", "the grant has ended")),
    };
    expect((await ask({ ...nobody, authority: ended })).problem).toMatchObject({ code: "grant_revoked" });
    expect(await said(ask())).toBe("None.");
    expect(looks).toEqual(["miss", "miss", "hit"]);
    complete();
  });

  it("leaves through the output guard each time that it is given [PR-F45]", async () => {
    let scans = 0;
    let refuse = false;
    const guard: TextGuard = {
      input: async (text) => ({ text }),
      toolResult: async (content) => ({ content }),
      toolArguments: async () => {},
      output: () => ({
        push: () => "",
        end: () => {
          scans += 1;
          if (refuse) throw new DeputizeError("guardrail_violation", "this may not leave");
          return "[scanned]";
        },
      }),
    };
    const { ask, looks } = desk({ front: asks("None."), callee: looksUp("None."), frontOptions: { guard } });
    expect(await said(ask())).toContain("[scanned]");
    const before = scans;
    expect(await said(ask())).toContain("[scanned]");
    expect(scans).toBeGreaterThan(before);
    refuse = true;
    expect((await ask()).problem).toMatchObject({ code: "guardrail_violation" });
    expect(looks).toEqual(["miss", "hit", "hit"]);
  });

  it("rests on the same data where the other agent gave an answer that it had kept itself", async () => {
    const kept = { cache: cacheOf() };
    const first = desk({ front: asks("None."), callee: looksUp("None."), calleeOptions: kept });
    await first.ask();
    // Another front desk, which has kept nothing; the specialist is asked nothing but its cache.
    const { ask, looks, calleeModel, complete } = desk({
      front: asks("None.", "One."),
      callee: looksUp("One."),
      calleeOptions: kept,
    });
    expect([await said(ask()), await said(ask())]).toEqual(["None.", "None."]);
    expect(calleeModel.asked).toHaveLength(0);
    await addOrder(store, alice, bob);
    expect(await said(ask())).toBe("One.");
    expect(looks).toEqual(["miss", "hit", "miss"]);
    complete();
  });

  it("ends with a memory that the person has the other agent keep", async () => {
    const provider = new VectorProvider(store);
    const { ask, looks, complete } = desk({
      front: asks("None.", "None, and you like tea."),
      callee: looksUp("None.", "None."),
      calleeOptions: { memory: agentMemory({ provider }) },
    });
    await ask();
    expect(await said(ask())).toBe("None.");
    await provider.add(alice, { text: "Likes tea" });
    expect(await said(ask())).toBe("None, and you like tea.");
    expect(looks).toEqual(["miss", "hit", "miss"]);
    complete();
  });

  it.each<[string, Omit<Desk, "front" | "callee">]>([
    ["agents that are not named as ours", { specialist: { account: false } }],
    ["agents with data of their own", { specialist: { sameData: false } }],
    [
      "agents with memories that nobody keeps versions of",
      { calleeOptions: { memory: agentMemory({ provider: new InMemoryProvider() }) } },
    ],
  ])("is not kept of %s", async (_whose, options) => {
    const { ask, looks, complete } = desk({
      ...options,
      front: asks("None.", "Still none."),
      callee: looksUp("None.", "None."),
    });
    expect([await said(ask()), await said(ask())]).toEqual(["None.", "Still none."]);
    expect(looks).toEqual(["miss", "miss"]);
    complete();
  });

  it("is not kept where the other agent answered from what was said to it before", async () => {
    const twice = asks("None.")[0] ?? {};
    const { ask, complete } = desk({
      front: [twice, ...asks("None."), twice, ...asks("None again.")],
      callee: looksUp("None.", "As I said.", "None.", "As I said."),
    });
    expect([await said(ask()), await said(ask())]).toEqual(["None.", "None again."]);
    complete();
  });
});
