/** Opens the shop for attacks, and watches what they change and send. */
import { approvalIn, callTool, hostileShop, type Part, PEOPLE } from "../support.ts";
import { OF_TURNS, type Watch, printer, yeses } from "./attack.ts";
import type { ShopUnderAttack } from "./shop-loot.ts";

export interface OpenShop {
  readonly world: ShopUnderAttack;
  readonly watch: Watch;
  close(): Promise<void>;
}

export async function openShopForAttacks(): Promise<OpenShop> {
  const shop = await hostileShop({ patient: true });
  const { store } = shop.running;
  const entries = await Promise.all(
    (Object.keys(PEOPLE) as Part[]).map(async (part) => {
      const client = await shop.as(part);
      return [part, client, await shop.tokens(client)] as const;
    }),
  );
  const clients = Object.fromEntries(
    entries.map(([part, client]) => [part, client]),
  ) as ShopUnderAttack["clients"];
  const tokens = Object.fromEntries(
    entries.map(([part, , pair]) => [part, pair]),
  ) as ShopUnderAttack["tokens"];
  // Everybody who bought something has something to lose.
  await store.ownerQuery(`update shop.orders set status = 'confirmed' where id in
    (select distinct on (user_id) id from shop.orders order by user_id, placed_at desc, id)
    and user_id not in (select user_id from shop.orders where status in ('placed', 'confirmed'))`);
  const victims = (await shop.orders("victim")).find(({ status }) =>
    ["placed", "confirmed"].includes(status),
  );
  if (!victims) throw new Error("the victim has no order to cancel");
  const args = { order_id: victims.id, reason: "mine" };
  const card = approvalIn(
    await callTool(shop, tokens.victim.tool, "cancel_order", args, { "deputize/call_id": "attack" }),
  );
  const { rows: products } = await store.ownerQuery<{ name: string }>(
    "select p.name from shop.products p join shop.reviews r on r.product_id = p.id group by p.name order by p.name limit 12",
  );
  const left: string[] = [];
  const real = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    left.push(new Request(input, init).url);
    return Promise.reject(new Error("nothing leaves a shop under attack"));
  };
  const rows = await printer(store, ["shop", "authority"], OF_TURNS);
  const turns = async (): Promise<string> => {
    // A question that nobody pressed would be one more conversation of nobody's.
    const { rows: found } = await store.ownerQuery<{ n: string }>(
      "select count(*)::text as n from agent.messages where content like '%cancel order ORD-%' and role = 'user'",
    );
    return `questions from links ${found[0]?.n}`;
  };
  return {
    world: {
      shop,
      clients,
      tokens,
      orders: await shop.orders(),
      pending: { id: card, order: victims.id },
      products: products.map(({ name }) => name),
    },
    watch: {
      print: async () => [await rows(), await yeses(store), await turns()].join("\n"),
      left: () => left.splice(0),
      // Open cards are bounded for each person; an attack that ended at that bound would show nothing.
      tidy: async () => {
        await store.ownerQuery(
          "delete from authority.approvals where status in ('pending', 'superseded') and id <> $1",
          [card],
        );
      },
    },
    async close() {
      globalThis.fetch = real;
      await shop.close();
    },
  };
}
