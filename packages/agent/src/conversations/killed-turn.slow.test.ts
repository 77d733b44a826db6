/** `kill -9` at each step of a turn: what was acknowledged is there, and the next turn says that this one was interrupted. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "@deputize/core";
import { type TestStore, testDatabaseUrl } from "@deputize/store/testing";
import { alice, authority, makeAgent, openAgentStore } from "../agent.fixture.ts";
import { scriptedModel } from "../testing.ts";
import { CUT_OFF, type ConversationStore, LEASE_MS } from "./conversation-store.ts";
import { PostgresConversationStore } from "./postgres-store.ts";
import { SqliteConversationStore } from "./sqlite-store.ts";
import type { OneTurn, Step } from "./testing/one-turn.ts";

const CHILD = fileURLToPath(new URL("./testing/one-turn.ts", import.meta.url));
const STEPS: readonly Step[] = ["claimed", "model", "tool", "after tool", "before store", "stored"];
const folder = mkdtempSync(join(tmpdir(), "deputize-killed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Past the lease of whoever died just now. */
const later: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + LEASE_MS + 5_000 };

/** Lets the child come to its halt, kills it, and gives the conversation that it acknowledged. */
async function killAt(turn: OneTurn): Promise<string> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(turn)], { stdio: ["ignore", "pipe", "pipe"] });
  let faults = "";
  child.stderr.on("data", (chunk: Buffer) => (faults += chunk.toString()));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let conversationId: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("acknowledged ")) conversationId = line.slice("acknowledged ".length);
    if (line === "halted") break;
  }
  child.kill("SIGKILL");
  await ended;
  if (conversationId === undefined) throw new Error(`the child never answered: ${faults}`);
  expect(child.signalCode, faults).toBe("SIGKILL");
  return conversationId;
}

function killedTurns(
  name: string,
  open: () => Promise<{ where: OneTurn["where"]; store: ConversationStore }>,
): void {
  describe(`a turn killed over ${name}`, () => {
    it.each(STEPS)("%s: loses nothing that was acknowledged, and says that it was cut off", async (step) => {
      const { where, store } = await open();
      const effects = join(folder, `${name}-${step}.effects`);
      const conversationId = await killAt({ step, effects, where });
      const model = scriptedModel([{ text: "Here I am." }]);
      const agent = makeAgent(store, model, [], { clock: later });
      const request = { caller: alice, authority, message: "Hello?", conversationId };
      const early = makeAgent(store, scriptedModel([]));
      if (step !== "stored") await expect(early.run(request)).rejects.toMatchObject({ code: "conflict" });
      expect(await agent.run(request)).toMatchObject({ status: "done" });
      const { messages } = await agent.conversations.get(alice, conversationId);
      expect(messages.map(({ content }) => content)).toEqual([
        "Hi",
        "Hello.",
        "Where is it?",
        step === "stored" ? "It is on its way." : CUT_OFF,
        "Hello?",
        "Here I am.",
      ]);
      expect(JSON.stringify(model.asked[0]?.prompt)).toContain(
        step === "stored" ? "on its way" : "interrupted",
      );
      const called = existsSync(effects) ? readFileSync(effects, "utf8") : "";
      expect(called).toBe(step === "claimed" || step === "model" ? "" : "called\n");
      await store.close();
    });
  });
}

killedTurns("sqlite", async () => {
  const file = join(mkdtempSync(join(folder, "db-")), "conversations.db");
  return { where: { file }, store: new SqliteConversationStore({ file }) };
});

if (testDatabaseUrl !== undefined) {
  let database: TestStore | undefined;
  afterAll(() => database?.close());
  killedTurns("postgres", async () => {
    database ??= await openAgentStore();
    const { url = "", secrets } = database;
    const rolePrefix = database.roleName("app").replace(/_app$/, "");
    return { where: { url, secrets, rolePrefix }, store: new PostgresConversationStore(database) };
  });
}
