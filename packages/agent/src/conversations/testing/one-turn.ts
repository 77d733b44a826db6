/**
 * A process to be killed: it answers one message, says so, and comes to a halt at one step of the next turn. It is told by a
 * JSON argument, and says `acknowledged <id>` and `halted` on lines of their own.
 */
import { appendFileSync } from "node:fs";
import { type StoreSecrets, openStore } from "@deputize/store";
import { alice, auditList, authority, tableTools } from "../../agent.fixture.ts";
import { createAgent } from "../../create-agent.ts";
import { scriptedModel } from "../../testing.ts";
import type { ConversationRoom, ConversationStore } from "../conversation-store.ts";
import { agentMigrations } from "../migrations.ts";
import { PostgresConversationStore } from "../postgres-store.ts";
import { SqliteConversationStore } from "../sqlite-store.ts";

export type Step = "claimed" | "model" | "tool" | "after tool" | "before store" | "stored";

export interface OneTurn {
  readonly step: Step;
  readonly effects: string;
  readonly where:
    | { readonly file: string }
    | { readonly url: string; readonly secrets: StoreSecrets; readonly rolePrefix: string };
}

const { step, effects, where } = JSON.parse(process.argv[2] ?? "") as OneTurn;
let killed = false;

/** Waits for the end at `here`, once the first turn was answered. */
async function halt(here: Step): Promise<void> {
  if (here !== step || !killed) return;
  process.stdout.write("halted\n");
  await new Promise(() => setInterval(() => {}, 60_000));
}

async function openConversations(): Promise<ConversationStore> {
  if ("file" in where) return new SqliteConversationStore({ file: where.file });
  return new PostgresConversationStore(await openStore({ ...where, migrations: [agentMigrations] }));
}

const store = await openConversations();
const halting: ConversationStore = {
  ...store,
  kind: store.kind,
  close: () => store.close(),
  open: (agent, clock): ConversationRoom => {
    const room = store.open(agent, clock);
    return {
      ...room,
      claimTurn: async (...args) => {
        const claimed = await room.claimTurn(...args);
        await halt("claimed");
        return claimed;
      },
      finish: async (...args) => {
        await halt("before store");
        const id = await room.finish(...args);
        await halt("stored");
        return id;
      },
    };
  },
};
const agent = createAgent({
  name: "order-management",
  description: "Orders.",
  model: scriptedModel([
    { text: "Hello." },
    () => ({ calls: [{ tool: "get_order" }], after: halt("model") }),
    () => ({ text: "It is on its way.", after: halt("after tool") }),
  ]),
  instructions: "Help with orders.",
  toolSources: [
    tableTools({
      get_order: async () => {
        appendFileSync(effects, "called\n");
        await halt("tool");
        return { content: { number: "ORD-1" } };
      },
    }),
  ],
  conversations: halting,
  audit: auditList(),
});
const first = await agent.run({ caller: alice, authority, message: "Hi" });
process.stdout.write(`acknowledged ${first.conversation_id}\n`);
killed = true;
await agent.run({ caller: alice, authority, message: "Where is it?", conversationId: first.conversation_id });
throw new Error(`the turn ended without coming to a halt at: ${step}`);
