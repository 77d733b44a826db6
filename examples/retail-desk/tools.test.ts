/** The desk's sixteen tools on a small desk: what each does for its customer, and what it refuses to whom. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Caller } from "@deputize/core";
import { META, type MCPServerOptions, type ToolCallResult, publicTool } from "@deputize/mcp";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { loadDesk, principalOf } from "./data/load.ts";
import { type Desk, type DeskCustomer, cardOf, deskMigrations, openDesk } from "./desk.ts";
import { FIXTURE, textOf } from "./fixture.ts";
import { id } from "./tools/inputs.ts";
import { deskServer } from "./tools/server.ts";
import { type DeskRows, type Print, changedOwners, watchRows } from "./replay/rows.ts";

const ANA = "ana_silva_1001";
const BO = "bo_lind_2002";
const ADDRESS = {
  address1: "1 New Street",
  address2: "",
  city: "Oldtown",
  state: "OT",
  country: "Utopia",
  zip: "30001",
};

let store: TestStore;
let desk: Desk;
let rows: DeskRows;
let start: Print;
let ana: DeskCustomer;
let bo: DeskCustomer;

beforeAll(async () => {
  store = await openTestStore(deskMigrations);
  await store.asOwner((owner) => loadDesk(owner, textOf(FIXTURE)));
  desk = await openDesk(store);
  rows = await watchRows(store);
  start = await rows.print();
  ana = await desk.enter(ANA);
  bo = await desk.enter(BO);
});
afterEach(async () => {
  for (const user of [ANA, BO]) await rows.restore(user);
});
afterAll(async () => {
  await desk[Symbol.asyncDispose]();
  await store.close();
});

describe("the desk's tools", () => {
  it("say of every argument that names a thing whose it is, and take no other [PR-D05]", () => {
    const none = () => Promise.reject(new Error("nobody is here"));
    const server = deskServer({
      name: "desk",
      auth: { name: "none", authenticate: none },
      store,
      audit: { append: none, record: none } as NonNullable<MCPServerOptions["audit"]>,
      approvals: { request: none, consume: none },
      handOver: () => {},
    });
    const policies = server.explain().map(({ name, steps }) => [name, steps.join("\n")] as const);
    const of = (argument: string) =>
      policies.filter(([, steps]) => steps.includes(`owns(${argument})`)).map(([name]) => name);
    expect(of("order_id")).toHaveLength(7);
    expect(of("user_id")).toEqual(["get_user_details", "modify_user_address"]);
    expect(() =>
      server.tool(
        "refund",
        { description: "r", effect: "read", guards: [publicTool()], input: { refund_id: id } },
        () => ({}),
      ),
    ).toThrow(/`refund_id` and nothing says whose that is/);
  });
});

interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly detail?: { readonly reason: string };
}
const errorOf = (answer: ToolCallResult) => answer.structuredContent?.["error"] as ErrorAnswer;
const unchanged = async () => expect(changedOwners(start, await rows.print())).toEqual([]);
/** An answer without what each call has its own of. */
function bytes(answer: ToolCallResult): string {
  const { request_id: _own, ...error } = (answer.structuredContent?.["error"] ?? {}) as Record<
    string,
    unknown
  >;
  return JSON.stringify([answer.isError, answer.content, error]);
}

describe("looking", () => {
  it.each<[string, object, object]>([
    ["find_user_id_by_email", { email: " ana.silva@MAIL.example " }, { user_id: ANA }],
    ["find_user_id_by_name_zip", { first_name: "ana", last_name: "Silva", zip: "10017" }, { user_id: ANA }],
    ["get_user_details", { user_id: ANA }, FIXTURE.users[ANA] ?? {}],
    ["get_order_details", { order_id: "#A2" }, FIXTURE.orders["#A2"] ?? {}],
    ["get_product_details", { product_id: "product-lamp" }, FIXTURE.products["product-lamp"] ?? {}],
    [
      "get_item_details",
      { item_id: "lamp-grey" },
      FIXTURE.products["product-lamp"]?.variants["lamp-grey"] ?? {},
    ],
    [
      "list_all_product_types",
      {},
      {
        products: [
          { name: "Desk Lamp", product_id: "product-lamp" },
          { name: "Kettle", product_id: "product-kettle" },
        ],
      },
    ],
    ["calculate", { expression: "2 * (10.5 + 0.25) - 1/4" }, { result: "21.25" }],
  ])("%s answers as the file says", async (tool, args, answer) => {
    const { structuredContent, isError } = await ana.call(tool, args);
    expect(isError).not.toBe(true);
    expect(structuredContent).toEqual(answer);
    await unchanged();
  });

  it.each<[string, object, object]>([
    ["find_user_id_by_email", { email: "bo.lind@mail.example" }, { email: "nobody@mail.example" }],
    [
      "find_user_id_by_name_zip",
      { first_name: "Bo", last_name: "Lind", zip: "20029" },
      { first_name: "No", last_name: "Body", zip: "20029" },
    ],
    ["get_user_details", { user_id: BO }, { user_id: "no_body_0" }],
    ["get_order_details", { order_id: "#B1" }, { order_id: "#none" }],
  ])("%s answers the same to another's as to what is not there [PR-D05]", async (tool, foreign, missing) => {
    const answer = await ana.call(tool, foreign);
    expect(errorOf(answer).code).toBe("not_found");
    expect(bytes(answer)).toBe(bytes(await ana.call(tool, missing)));
  });

  it("hands a customer to a person", async () => {
    const before = desk.handedOver.length;
    const answer = await ana.call("transfer_to_human_agents", { summary: "needs help" });
    expect(answer.structuredContent).toEqual({ message: "Transfer successful" });
    expect(desk.handedOver.slice(before)).toEqual([{ customer: principalOf(ANA), summary: "needs help" }]);
  });

  it("lets the app's own SQL see a caller's rows and no others, and write none [SR-02] [SR-03]", async () => {
    const caller = {
      tenant: "default",
      subject: principalOf(ANA),
      subjectKind: "user",
      actors: [],
      roles: [],
      scopes: [],
      grants: [],
      clientId: "t",
    } as Caller;
    for (const table of ["customers", "payment_methods", "orders", "order_items", "order_payments"]) {
      const owners = await store.asCaller(caller, (tx) =>
        tx.query<{ owner: string }>(`SELECT DISTINCT owner FROM retail.${table}`),
      );
      expect(owners.rows).toEqual([{ owner: principalOf(ANA) }]);
    }
    await expect(
      store.asCaller(caller, (tx) => tx.query("UPDATE retail.orders SET status = 'cancelled'"), {
        readOnly: false,
      }),
    ).rejects.toThrow();
    await unchanged();
  });
});

const two = ["lamp-red", "lamp-red"];
const swap = (order_id: string, item_ids: string[], new_item_ids: string[], payment_method_id: string) => ({
  order_id,
  item_ids,
  new_item_ids,
  payment_method_id,
});

/** Each rule of the policy: the call that breaks it, and the reason that is told. */
const RULES: [string, object, string][] = [
  ["cancel_pending_order", { order_id: "#A1", reason: "bored" }, "reason_not_allowed"],
  ["cancel_pending_order", { order_id: "#A2", reason: "no longer needed" }, "not_pending"],
  ["cancel_pending_order", { order_id: "#A3", reason: "no longer needed" }, "not_pending"],
  ["modify_pending_order_address", { order_id: "#A3", ...ADDRESS }, "not_pending"],
  ["modify_pending_order_address", { order_id: "#A1", ...ADDRESS, city: " " }, "no_address"],
  ["modify_user_address", { user_id: ANA, ...ADDRESS, zip: " " }, "no_address"],
  ["modify_pending_order_payment", { order_id: "#A2", payment_method_id: "paypal_1001" }, "not_pending"],
  [
    "modify_pending_order_payment",
    { order_id: "#A1", payment_method_id: "paypal_2002" },
    "unknown_payment_method",
  ],
  [
    "modify_pending_order_payment",
    { order_id: "#A1", payment_method_id: "credit_card_1001" },
    "same_payment_method",
  ],
  [
    "modify_pending_order_payment",
    { order_id: "#A1", payment_method_id: "gift_card_1001" },
    "balance_too_low",
  ],
  ...(
    [
      ["modify_pending_order_items", "#A1"],
      ["exchange_delivered_order_items", "#A2"],
    ] as const
  ).flatMap(([tool, id]): [string, object, string][] => [
    [tool, swap(id, ["lamp-red"], ["lamp-blue", "lamp-blue"], "paypal_1001"), "lists_differ"],
    [tool, swap(id, [...two, "lamp-red"], [...two, "lamp-blue"], "paypal_1001"), "items_not_in_order"],
    [tool, swap(id, ["lamp-gold"], ["lamp-blue"], "paypal_1001"), "items_not_in_order"],
    [tool, swap(id, ["lamp-red"], ["lamp-red"], "paypal_1001"), "same_item"],
    [tool, swap(id, ["lamp-red"], ["kettle-1l"], "paypal_1001"), "other_product"],
    [tool, swap(id, ["lamp-red"], ["no-such-item"], "paypal_1001"), "other_product"],
    [tool, swap(id, ["lamp-red"], ["lamp-grey"], "paypal_1001"), "not_available"],
    [tool, swap(id, ["lamp-red"], ["lamp-blue"], "paypal_2002"), "unknown_payment_method"],
    [tool, swap(id, ["lamp-red"], ["lamp-gold"], "gift_card_1001"), "balance_too_low"],
  ]),
  ["modify_pending_order_items", swap("#A2", ["lamp-red"], ["lamp-blue"], "paypal_1001"), "not_pending"],
  [
    "exchange_delivered_order_items",
    swap("#A1", ["lamp-red"], ["lamp-blue"], "paypal_1001"),
    "not_delivered",
  ],
  ...(
    [
      ["#A1", ["lamp-red"], "credit_card_1001", "not_delivered"],
      ["#A2", [...two, "lamp-red"], "credit_card_1001", "items_not_in_order"],
      ["#A2", ["lamp-blue"], "credit_card_1001", "items_not_in_order"],
      ["#A2", ["lamp-red"], "paypal_1001", "refund_elsewhere"],
      ["#A2", ["lamp-red"], "paypal_2002", "unknown_payment_method"],
    ] as const
  ).map(([order_id, item_ids, payment_method_id, reason]): [string, object, string] => [
    "return_delivered_order_items",
    { order_id, item_ids, payment_method_id },
    reason,
  ]),
];

/** Each change as it is right, and what it leaves of order and customer. */
const CHANGES: [string, Record<string, unknown>, object, object][] = [
  [
    "cancel_pending_order",
    { order_id: "#A4", reason: "ordered by mistake" },
    {
      status: "cancelled",
      cancel_reason: "ordered by mistake",
      payment_history: [
        { transaction_type: "payment", amount: 35.5, payment_method_id: "gift_card_1001" },
        { transaction_type: "refund", amount: 35.5, payment_method_id: "gift_card_1001" },
      ],
    },
    { gift: 115.5 },
  ],
  [
    "modify_pending_order_address",
    { order_id: "#A1", ...ADDRESS },
    { address: ADDRESS, status: "pending" },
    { gift: 80 },
  ],
  [
    "modify_pending_order_items",
    swap("#A1", ["kettle-1l", "lamp-red"], ["kettle-2l", "lamp-blue"], "gift_card_1001"),
    {
      status: "pending (item modified)",
      items: [
        {
          name: "Desk Lamp",
          product_id: "product-lamp",
          item_id: "lamp-blue",
          price: 35.5,
          options: { color: "blue" },
        },
        {
          name: "Desk Lamp",
          product_id: "product-lamp",
          item_id: "lamp-red",
          price: 30,
          options: { color: "red" },
        },
        {
          name: "Kettle",
          product_id: "product-kettle",
          item_id: "kettle-2l",
          price: 44,
          options: { size: "2 l" },
        },
      ],
      payment_history: [
        { transaction_type: "payment", amount: 100.25, payment_method_id: "credit_card_1001" },
        { transaction_type: "payment", amount: 9.25, payment_method_id: "gift_card_1001" },
      ],
    },
    { gift: 70.75 },
  ],
  [
    "modify_pending_order_payment",
    { order_id: "#A4", payment_method_id: "paypal_1001" },
    {
      status: "pending",
      payment_history: [
        { transaction_type: "payment", amount: 35.5, payment_method_id: "gift_card_1001" },
        { transaction_type: "payment", amount: 35.5, payment_method_id: "paypal_1001" },
        { transaction_type: "refund", amount: 35.5, payment_method_id: "gift_card_1001" },
      ],
    },
    { gift: 115.5 },
  ],
  [
    "return_delivered_order_items",
    { order_id: "#A2", item_ids: ["lamp-red", "kettle-2l", "lamp-red"], payment_method_id: "gift_card_1001" },
    {
      status: "return requested",
      return_items: ["kettle-2l", "lamp-red", "lamp-red"],
      return_payment_method_id: "gift_card_1001",
    },
    { gift: 80 },
  ],
  [
    "exchange_delivered_order_items",
    swap("#A2", two, ["lamp-blue", "lamp-gold"], "credit_card_1001"),
    {
      status: "exchange requested",
      exchange_items: two,
      exchange_new_items: ["lamp-blue", "lamp-gold"],
      exchange_payment_method_id: "credit_card_1001",
      exchange_price_difference: 105.6,
    },
    { gift: 80 },
  ],
];

async function giftCard(): Promise<number> {
  const { user } = await rows.of(ANA);
  return (user as { payment_methods: { gift_card_1001: { balance: number } } }).payment_methods.gift_card_1001
    .balance;
}

describe("changing", () => {
  it.each(CHANGES)(
    "%s does it after the customer's yes, once",
    async (tool, args, order, { gift }: { gift?: number }) => {
      const answer = await ana.callAndConfirm(tool, args);
      expect(answer.structuredContent).toMatchObject(order);
      expect((await rows.of(ANA)).orders).toContainEqual(answer.structuredContent);
      expect(await giftCard()).toBe(gift);
      expect(changedOwners(start, await rows.print())).toEqual([principalOf(ANA)]);
    },
  );

  it("modify_user_address changes the customer's address and no order's", async () => {
    const answer = await ana.callAndConfirm("modify_user_address", { user_id: ANA, ...ADDRESS });
    expect(answer.structuredContent).toEqual({ ...FIXTURE.users[ANA], address: ADDRESS });
    expect((await rows.of(ANA)).orders[0]).toEqual(FIXTURE.orders["#A1"]);
  });

  it.each(RULES)("%s %j is refused: %s", async (tool, args, reason) => {
    const answer = await ana.callAndConfirm(tool, args);
    expect(errorOf(answer)).toMatchObject({ code: "conflict", detail: { reason } });
    await unchanged();
  });

  it("modifies items once, and nothing of the order afterwards", async () => {
    const items = swap("#A1", ["lamp-red"], ["lamp-blue"], "paypal_1001");
    await ana.callAndConfirm("modify_pending_order_items", items);
    const after: [string, object][] = [
      ["modify_pending_order_items", items],
      ["modify_pending_order_address", { order_id: "#A1", ...ADDRESS }],
      ["modify_pending_order_payment", { order_id: "#A1", payment_method_id: "paypal_1001" }],
      ["cancel_pending_order", { order_id: "#A1", reason: "no longer needed" }],
    ];
    for (const [tool, args] of after)
      expect(errorOf(await ana.callAndConfirm(tool, args)).detail?.reason).toBe("not_pending");
  });

  it("returns or exchanges a delivered order once", async () => {
    await ana.callAndConfirm(
      "exchange_delivered_order_items",
      swap("#A2", ["lamp-red"], ["lamp-blue"], "paypal_1001"),
    );
    const back = { order_id: "#A2", item_ids: ["lamp-red"], payment_method_id: "credit_card_1001" };
    expect(errorOf(await ana.callAndConfirm("return_delivered_order_items", back)).detail?.reason).toBe(
      "not_delivered",
    );
  });

  it("changes a payment once, and a cancelled order refunds whoever paid in the end", async () => {
    await ana.callAndConfirm("modify_pending_order_payment", {
      order_id: "#A4",
      payment_method_id: "paypal_1001",
    });
    const again = await ana.callAndConfirm("modify_pending_order_payment", {
      order_id: "#A4",
      payment_method_id: "credit_card_1001",
    });
    expect(errorOf(again).detail?.reason).toBe("not_one_payment");
    const cancelled = await ana.callAndConfirm("cancel_pending_order", {
      order_id: "#A4",
      reason: "no longer needed",
    });
    const history = cancelled.structuredContent?.["payment_history"] as object[];
    expect(history.slice(3)).toEqual([
      { transaction_type: "refund", amount: 35.5, payment_method_id: "paypal_1001" },
    ]);
    expect(await giftCard()).toBe(115.5);
  });

  it.each([
    ...CHANGES.map(([tool, args]) => [tool, args, { ...args, order_id: "#none" }] as const),
    ["modify_user_address", { user_id: ANA, ...ADDRESS }, { user_id: "no_body_0", ...ADDRESS }] as const,
  ])(
    "%s answers the same to another's as to what is not there [PR-D05] [PR-D27]",
    async (tool, args, missing) => {
      const answer = await bo.callAndConfirm(tool, args);
      expect(errorOf(answer).code).toBe("not_found");
      expect(bytes(answer)).toBe(bytes(await bo.callAndConfirm(tool, missing)));
      await unchanged();
    },
  );
});

describe("a customer's yes", () => {
  const cancel = { order_id: "#A1", reason: "no longer needed" };
  const callId = (name: string) => ({ [META.callId]: name });

  async function approved(name: string, args: object): Promise<string> {
    const id = cardOf(await ana.call("cancel_pending_order", args, callId(name)))?.id ?? "";
    await ana.decide(id, "approve");
    return id;
  }

  it("shows what will happen, in a sentence and cents", async () => {
    const asked = await ana.call("cancel_pending_order", cancel);
    expect(cardOf(asked)).toMatchObject({
      amount: 10_025,
      summary: expect.stringContaining("$100.25 to credit_card_1001 within 5 to 7 business days"),
    });
    await ana.decide(cardOf(asked)?.id ?? "", "refuse");
    await unchanged();
  });

  it("is for this call with these arguments by this customer, and is spent once [SR-15]", async () => {
    const id = await approved("call-1", cancel);
    const use = (args: object, name: string, who = ana, tool = "cancel_pending_order") =>
      who.call(tool, args, { ...callId(name), [META.approvalId]: id });
    await use({ ...cancel, reason: "ordered by mistake" }, "call-1");
    await use(cancel, "call-2");
    await use({ order_id: "#A4", reason: "no longer needed" }, "call-1");
    await use(cancel, "call-1", bo);
    await unchanged();
    const again = await approved("call-3", cancel);
    const last = () =>
      ana.call("cancel_pending_order", cancel, { ...callId("call-3"), [META.approvalId]: again });
    expect((await last()).structuredContent).toMatchObject({ status: "cancelled" });
    expect((await last()).isError).toBe(true);
  });

  it("does not stand for an order that changed in between [SR-15]", async () => {
    const id = await approved("call-4", cancel);
    await ana.callAndConfirm("modify_pending_order_address", { order_id: "#A1", ...ADDRESS });
    const answer = await ana.call("cancel_pending_order", cancel, {
      ...callId("call-4"),
      [META.approvalId]: id,
    });
    expect(cardOf(answer) ?? answer.isError).toBeTruthy();
    const { orders } = await rows.of(ANA);
    expect(orders[0]).toMatchObject({ status: "pending", address: ADDRESS });
  });

  it("is asked for by the database too: its functions do nothing without one [SR-15]", async () => {
    const bare = await openTestStore(deskMigrations.filter(({ name }) => name === "retail"));
    try {
      await bare.asOwner((owner) => loadDesk(owner, textOf(FIXTURE)));
      const caller = {
        tenant: "default",
        subject: principalOf(ANA),
        subjectKind: "user",
        actors: [],
        roles: [],
        scopes: [],
        grants: [],
        clientId: "t",
      } as Caller;
      const act = "SELECT retail.cancel_pending_order('#A1', 'no longer needed', false)";
      await expect(bare.asCaller(caller, (tx) => tx.query(act), { readOnly: false })).rejects.toMatchObject({
        code: "approval_invalid",
      });
      const { rows: kept } = await bare.ownerQuery("SELECT status FROM retail.orders WHERE order_id = '#A1'");
      expect(kept).toEqual([{ status: "pending" }]);
    } finally {
      await bare.close();
    }
  });
});
