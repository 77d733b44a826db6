/** A short walk through the desk: what a customer's assistant may do, and what it may not. */
import type { ToolCallResult } from "@deputize/mcp";
import { generateStoreSecrets, openStore } from "@deputize/store";
import { type LoadedCounts, loadDesk, readText } from "./data/load.ts";
import { deskMigrations, openDesk } from "./desk.ts";
import { FIXTURE, textOf } from "./fixture.ts";
import { readDeskData } from "./replay/data.ts";

type Print = (line?: string) => void;

const short = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
};

/** What an answer says, in a line. */
function said(answer: ToolCallResult): string {
  if (answer.isError) return `refused: ${answer.content[0]?.text ?? ""}`;
  return answer.structuredContent?.["approval"] ? "waits for the customer" : short(answer.structuredContent);
}

/** On the rows of `db`, or else on a desk of its own; in memory either way. */
export async function walk(print: Print, db?: string): Promise<void> {
  const chunks = () => (db === undefined ? textOf(FIXTURE) : readText(db));
  const data = await readDeskData(chunks());
  let counts: LoadedCounts | undefined;
  const store = await openStore({
    secrets: generateStoreSecrets(),
    migrations: deskMigrations,
    prepare: async (owner) => {
      counts = await loadDesk(owner, chunks());
    },
  });
  try {
    print(
      `A desk with ${counts?.users} customers, ${counts?.orders} orders and ${counts?.products} products.\n`,
    );
    const order = Object.values(data.orders).find(({ status }) => status === "pending");
    const other = Object.values(data.users).find(({ user_id }) => user_id !== order?.user_id);
    const me = order && data.users[order.user_id];
    if (!order || !other || !me) {
      print("There is no pending order, or only one customer, so there is nothing to show.");
      return;
    }
    await using desk = await openDesk(store);
    const mine = await desk.enter(me.user_id);
    const { order_id } = order;
    const cancel = { order_id, reason: "no longer needed" };

    print(`${me.user_id} sends an assistant. Who it is comes from its token:`);
    const find = (email: string) => mine.call("find_user_id_by_email", { email });
    print(`  find_user_id_by_email, own address        ${said(await find(me.email))}`);
    print(`  find_user_id_by_email, another customer's ${said(await find(other.email))}`);
    print(
      `  get_order_details ${order_id.padEnd(24)}${said(await mine.call("get_order_details", { order_id }))}`,
    );

    const theirs = await desk.enter(other.user_id);
    print(`\nThe assistant of ${other.user_id} tries the same order:`);
    print(`  get_order_details     ${said(await theirs.call("get_order_details", { order_id }))}`);
    print(`  … of no order at all  ${said(await theirs.call("get_order_details", { order_id: "#none" }))}`);
    print(`  cancel_pending_order  ${said(await theirs.call("cancel_pending_order", cancel))}`);

    print(`\n${me.user_id} wants it cancelled:`);
    const bored = { order_id, reason: "bored" };
    print(`  for a reason of their own  ${said(await mine.call("cancel_pending_order", bored))}`);
    print(`  for a good one             ${said(await mine.call("cancel_pending_order", cancel))}`);
    const done = await mine.callAndConfirm("cancel_pending_order", cancel, (card) => {
      print(`  the customer is shown      ${card}`);
    });
    print(`  and says yes               status: ${short(done.structuredContent?.["status"])}`);
    print(`  once more                  ${said(await mine.call("cancel_pending_order", cancel))}`);

    await mine.call("transfer_to_human_agents", { summary: "wants the cancelled order back" });
    print(`\nHanded to a person: ${short(desk.handedOver[0]?.summary)}`);
  } finally {
    await store.close();
  }
}
