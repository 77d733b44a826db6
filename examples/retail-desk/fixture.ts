/** A desk small enough to be read: two customers, two kinds of goods. Names and numbers are made up. */
import type { OrderRecord, ProductRecord, UserRecord } from "./data/records.ts";
import type { DeskData } from "./replay/reference.ts";

const LAMP = "product-lamp";
const KETTLE = "product-kettle";

const PRODUCTS: Readonly<Record<string, ProductRecord>> = {
  [LAMP]: {
    product_id: LAMP,
    name: "Desk Lamp",
    variants: {
      "lamp-red": { item_id: "lamp-red", options: { color: "red" }, available: true, price: 30 },
      "lamp-blue": { item_id: "lamp-blue", options: { color: "blue" }, available: true, price: 35.5 },
      "lamp-gold": { item_id: "lamp-gold", options: { color: "gold" }, available: true, price: 130.1 },
      "lamp-grey": { item_id: "lamp-grey", options: { color: "grey" }, available: false, price: 20 },
    },
  },
  [KETTLE]: {
    product_id: KETTLE,
    name: "Kettle",
    variants: {
      "kettle-1l": { item_id: "kettle-1l", options: { size: "1 l" }, available: true, price: 40.25 },
      "kettle-2l": { item_id: "kettle-2l", options: { size: "2 l" }, available: true, price: 44 },
    },
  },
};

const item = (productId: string, itemId: string): OrderRecord["items"][number] => {
  const product = PRODUCTS[productId];
  const variant = product?.variants[itemId];
  if (!product || !variant) throw new Error(`there is no ${itemId}`);
  const { price, options } = variant;
  return { name: product.name, product_id: productId, item_id: itemId, price, options };
};

const ANA: UserRecord = {
  user_id: "ana_silva_1001",
  name: { first_name: "Ana", last_name: "Sílva" },
  address: {
    address1: "7 Harbour Steps",
    address2: "",
    city: "Porto Novo",
    state: "PN",
    country: "Utopia",
    zip: "10017",
  },
  email: "Ana.Silva@mail.example",
  payment_methods: {
    gift_card_1001: { source: "gift_card", id: "gift_card_1001", balance: 80 },
    credit_card_1001: { source: "credit_card", id: "credit_card_1001", brand: "visa", last_four: "4711" },
    paypal_1001: { source: "paypal", id: "paypal_1001" },
  },
  orders: ["#A1", "#A2", "#A3", "#A4"],
};

const BO: UserRecord = {
  user_id: "bo_lind_2002",
  name: { first_name: "Bo", last_name: "Lind" },
  address: {
    address1: "99 Birch Row",
    address2: "Flat 3",
    city: "Nordvik",
    state: "NV",
    country: "Arcadia",
    zip: "20029",
  },
  email: "bo.lind@mail.example",
  payment_methods: { paypal_2002: { source: "paypal", id: "paypal_2002" } },
  orders: ["#B1"],
};

function order(
  order_id: string,
  user: UserRecord,
  status: OrderRecord["status"],
  items: OrderRecord["items"],
  payment_method_id: string,
): OrderRecord {
  const amount = items.reduce((sum, { price }) => sum + price, 0);
  return {
    order_id,
    user_id: user.user_id,
    address: user.address,
    items,
    status,
    fulfillments:
      status === "delivered"
        ? [{ tracking_id: [`track-${order_id.slice(1)}`], item_ids: items.map(({ item_id }) => item_id) }]
        : [],
    payment_history: [{ transaction_type: "payment", amount, payment_method_id }],
  };
}

const twoLamps = [item(LAMP, "lamp-red"), item(LAMP, "lamp-red")];

export const FIXTURE: DeskData = {
  products: PRODUCTS,
  users: { [ANA.user_id]: ANA, [BO.user_id]: BO },
  orders: {
    "#A1": order("#A1", ANA, "pending", [...twoLamps, item(KETTLE, "kettle-1l")], "credit_card_1001"),
    "#A2": order("#A2", ANA, "delivered", [...twoLamps, item(KETTLE, "kettle-2l")], "credit_card_1001"),
    "#A3": order("#A3", ANA, "processed", [item(KETTLE, "kettle-1l")], "paypal_1001"),
    "#A4": order("#A4", ANA, "pending", [item(LAMP, "lamp-blue")], "gift_card_1001"),
    "#B1": order("#B1", BO, "pending", [item(LAMP, "lamp-gold")], "paypal_2002"),
  },
};

/** The fixture as the text of a file. */
export async function* textOf(data: unknown): AsyncGenerator<string> {
  yield JSON.stringify(data);
}
