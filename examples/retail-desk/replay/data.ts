/** A desk's file as a whole in memory, for the model that a replay compares with. */
import { deskRecords } from "../data/records.ts";
import type { DeskData } from "./reference.ts";

/** Throws `validation_failed` naming the first bad record. */
export async function readDeskData(chunks: AsyncIterable<string>): Promise<DeskData> {
  const data = {
    products: {} as Record<string, DeskData["products"][string]>,
    users: {} as Record<string, DeskData["users"][string]>,
    orders: {} as Record<string, DeskData["orders"][string]>,
  };
  for await (const { section, record } of deskRecords(chunks)) {
    if (section === "products") data.products[record.product_id] = record;
    else if (section === "users") data.users[record.user_id] = record;
    else data.orders[record.order_id] = record;
  }
  return data;
}
