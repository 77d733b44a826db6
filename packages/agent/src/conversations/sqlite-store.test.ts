import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { alice } from "../agent.fixture.ts";
import { START, contents, openRoom, talk } from "./contract.fixture.ts";
import { agentTurnContract } from "./agent-turn.contract.ts";
import { conversationKeepingContract } from "./conversation-keeping.contract.ts";
import { conversationThreadsContract } from "./conversation-threads.contract.ts";
import { conversationStoreContract } from "./conversation-store.contract.ts";
import { SqliteConversationStore } from "./sqlite-store.ts";

const folder = mkdtempSync(join(tmpdir(), "deputize-conversations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newFile = (): string => join(folder, `${(made += 1)}.db`);

const open = async () => {
  const file = newFile();
  const stores = [new SqliteConversationStore({ file })];
  return {
    store: stores[0] as SqliteConversationStore,
    another: async () => {
      const store = new SqliteConversationStore({ file });
      stores.push(store);
      return store;
    },
    broken: async () => {
      const store = new SqliteConversationStore({ file });
      await store.close();
      return store;
    },
    close: async () => {
      for (const store of stores) await store.close();
    },
  };
};
conversationStoreContract("sqlite", open);
conversationKeepingContract("sqlite", open);
conversationThreadsContract("sqlite", open);
agentTurnContract("sqlite", open);

describe("conversations in a file", () => {
  it("keeps them over a restart, in files that nobody else can read [PR-F39]", async () => {
    const file = newFile();
    const first = new SqliteConversationStore({ file });
    const { conversationId: id } = await talk(openRoom(first, manualClock(START)), alice, "stays");
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await first.close();
    const second = new SqliteConversationStore({ file });
    expect(await contents(openRoom(second, manualClock(START)).room, alice, id)).toHaveLength(2);
    await second.close();
  });

  it("flushes each commit, and leaves nothing of what was removed in the file", async () => {
    const file = newFile();
    const store = new SqliteConversationStore({ file });
    const room = openRoom(store, manualClock(START));
    const bytes = (): string => [file, `${file}-wal`].map((name) => readFileSync(name, "latin1")).join("");
    const removed = await talk(room, alice, "a very private word");
    await talk(room, alice, "another private word");
    expect(bytes()).toContain("very private word");
    await room.room.delete(alice, removed.conversationId);
    expect(bytes()).not.toContain("very private word");
    await store.eraseOwner(alice);
    expect(bytes()).not.toContain("private word");
    await store.close();
  });

  it("gives a damaged conversation to nobody, and still erases it", async () => {
    const file = newFile();
    const store = new SqliteConversationStore({ file });
    const room = openRoom(store, manualClock(START));
    const { conversationId: id } = await talk(room, alice, "hi");
    const database = new DatabaseSync(file);
    for (const damage of ["{", "{}", '{"version":2}']) {
      database.prepare("UPDATE conversations SET document = ?").run(damage);
      await expect(room.room.get(alice, id)).rejects.toMatchObject({ code: "internal" });
    }
    database.close();
    expect(await store.eraseOwner(alice)).toMatchObject({ conversations: 1, messages: 2 });
    await store.close();
  });

  it("reads a message without a label as untrusted, for nobody to read [SR-07]", async () => {
    const file = newFile();
    const store = new SqliteConversationStore({ file });
    const room = openRoom(store, manualClock(START));
    const { conversationId: id } = await talk(room, alice, "hi");
    const database = new DatabaseSync(file);
    database.exec("UPDATE messages SET message = json_remove(message, '$.label') WHERE seq = 1");
    database.close();
    const { historyLabel } = await room.room.claimTurn(alice, {
      conversationId: id,
      mustExist: true,
      message: "and now?",
      label: { integrity: "trusted", readers: [alice.subject], source: "person" },
      history: 10,
    });
    expect(historyLabel).toMatchObject({ integrity: "untrusted", readers: [] });
    await store.close();
  });

  it("refuses a file that others can read, that is a link or that is something else, and options that cannot work", () => {
    const open = newFile();
    writeFileSync(open, "");
    chmodSync(open, 0o644);
    const link = newFile();
    symlinkSync(open, link);
    const text = newFile();
    writeFileSync(text, "not a database ".repeat(100), { mode: 0o600 });
    for (const options of [
      { file: open },
      { file: link },
      { file: text },
      { file: join(folder, "missing", "x.db") },
      { file: "" },
      {} as { file: string },
      { file: newFile(), busyTimeoutMs: -1 },
      { file: newFile(), wal: false } as { file: string },
    ])
      expect(() => new SqliteConversationStore(options)).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
  });
});
