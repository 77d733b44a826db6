/** The replay tells a desk that holds from one that does not, on a file of five orders. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { loadDesk } from "../data/load.ts";
import { deskMigrations } from "../desk.ts";
import { FIXTURE, textOf } from "../fixture.ts";
import { retail } from "./command.ts";
import type { DeskData } from "./reference.ts";
import { type ReplayReport, replay } from "./replay.ts";
import { parseTasks } from "./tasks.ts";
import { customerFinder } from "./whose.ts";

const call = (name: string, args: object = {}) => ({ name, arguments: args });
const cancel = call("cancel_pending_order", { order_id: "#A1", reason: "no longer needed" });
const exchange = call("exchange_delivered_order_items", {
  order_id: "#A2",
  item_ids: ["lamp-red", "lamp-red"],
  new_item_ids: ["lamp-blue", "lamp-gold"],
  payment_method_id: "paypal_1001",
});
const TASKS = [
  {
    id: "0",
    request: { known_info: "You are Ana." },
    actions: [
      call("find_user_id_by_email", { email: "somebody@mail.example" }),
      call("find_user_id_by_name_zip", { first_name: "Ana", last_name: "Silva", zip: "10017" }),
      call("get_order_details", { order_id: "#A1" }),
      call("get_product_details", { product_id: "product-lamp" }),
      call("calculate", { expression: "30 + 30" }),
      cancel,
      exchange,
      call("transfer_to_human_agents", { summary: "wants more" }),
    ],
  },
  { id: 1, request: { known_info: "You are Bo Lind, zip code 20029." }, actions: [] },
];

/** A desk of its own for each replay; `spoil` breaks it first. */
async function replayed(
  tasks: unknown,
  options: { data?: DeskData; spoil?: (store: TestStore) => Promise<unknown> } = {},
): Promise<ReplayReport> {
  const store = await openTestStore(deskMigrations);
  try {
    await store.asOwner((owner) => loadDesk(owner, textOf(FIXTURE)));
    await options.spoil?.(store);
    return await replay(store, options.data ?? FIXTURE, parseTasks(JSON.stringify(tasks)));
  } finally {
    await store.close();
  }
}

// Each opens a database of its own, which takes its time where many do.
const slowly = { timeout: 180_000 };

describe("replay", slowly, () => {
  it("finds that a whole desk holds", async () => {
    const report = await replayed(TASKS);
    // Two changes, each asked about once, and six reads that nobody is asked about.
    expect(report.needed).toEqual({ held: 8, of: 8 });
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({
      own: { held: 2, of: 2 },
      foreign: { held: 2, of: 2 },
      unconfirmed: { held: 2, of: 2 },
    });
    expect(report.notes).toEqual([
      "without a call, so nothing to replay: `1`",
      expect.stringContaining("task 0, find_user_id_by_email: rightly finds nothing"),
    ]);
  });

  it("finds rows that are not the right ones", async () => {
    const data = structuredClone(FIXTURE);
    Object.assign(data.products["product-lamp"]?.variants["lamp-gold"] ?? {}, { price: 1 });
    const report = await replayed(TASKS, { data });
    expect(report.own).toEqual({ held: 1, of: 2 });
    expect(report.failures.join("\n")).toMatch(/the rows of order #A2 are not the right ones/);
  });

  it("finds a desk that shows one customer's orders to another", async () => {
    const report = await replayed(TASKS, {
      spoil: (store) => store.ownerQuery("CREATE POLICY leak ON retail.orders FOR SELECT USING (true)"),
    });
    expect(report.foreign).toEqual({ held: 1, of: 2 });
    expect(report.failures.join("\n")).toMatch(/get_order_details: answers another customer/);
  });

  it("finds a desk that refuses its customers' assistants what the policy allows", async () => {
    const report = await replayed(TASKS, {
      spoil: (store) =>
        store.ownerQuery("UPDATE retail.orders SET status = 'processed' WHERE order_id = '#A1'"),
    });
    expect(report.needed).toEqual({ held: 7, of: 8 });
    expect(report.notes.join("\n")).toMatch(/cancel_pending_order: needlessly: ended as refused/);
  });

  it("finds a desk that takes any decision for a yes", async () => {
    const report = await replayed(TASKS, {
      spoil: (store) =>
        store.ownerQuery(`
          CREATE FUNCTION authority.always_yes() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.status = 'rejected' THEN NEW.status := 'approved'; END IF; RETURN NEW; END $$;
          CREATE TRIGGER always_yes BEFORE UPDATE ON authority.approvals FOR EACH ROW EXECUTE FUNCTION authority.always_yes()`),
    });
    expect(report.unconfirmed).toEqual({ held: 0, of: 2 });
    expect(report.failures.join("\n")).toMatch(/cancel_pending_order: was done though the customer said no/);
  });

  it("lists a call that the policy refuses, and fails one that no desk can answer", async () => {
    const report = await replayed([
      { id: "again", request: null, actions: [cancel, cancel] },
      { id: "odd", request: null, actions: [cancel, call("give_discount", { percent: 90 })] },
      { id: "short", request: null, actions: [call("cancel_pending_order", { order_id: "#A1" })] },
      { id: "nobody", request: "who knows", actions: [call("get_order_details", { order_id: "#Z9" })] },
    ]);
    expect(report.own).toEqual({ held: 2, of: 4 });
    expect(report.foreign.held).toBe(4);
    expect(report.failures).toEqual([
      "task odd: give_discount: the desk has no tool `give_discount`",
      "task short: cancel_pending_order: `cancel_pending_order` takes order_id, reason",
    ]);
    expect(report.notes).toEqual([
      expect.stringContaining("task again, cancel_pending_order: refused, as the policy has it"),
      "no customer could be told, so another one stands in: `nobody`",
      expect.stringContaining("task nobody, get_order_details: rightly finds nothing"),
    ]);
  });
});

describe("whose task it is", () => {
  const find = customerFinder(FIXTURE);
  const whose = (request: unknown, ...actions: object[]) =>
    find(parseTasks(JSON.stringify([{ id: 0, request, actions }]))[0]!);

  it.each<[string, unknown, object[], string | undefined]>([
    ["an order", "", [cancel], "ana_silva_1001"],
    ["a user id", "", [call("get_user_details", { user_id: "bo_lind_2002" })], "bo_lind_2002"],
    ["an address", "", [call("find_user_id_by_email", { email: "BO.LIND@mail.example" })], "bo_lind_2002"],
    [
      "what most calls name",
      "",
      [call("get_order_details", { order_id: "#B1" }), cancel, exchange],
      "ana_silva_1001",
    ],
    ["a name and a zip code", { info: "I am Ana Silva from Porto Novo, 10017." }, [], "ana_silva_1001"],
    ["a user id in words", "you are bo_lind_2002.", [], "bo_lind_2002"],
    ["an address in words", "mail me at bo.lind@mail.example.", [], "bo_lind_2002"],
    ["an order in words", "my order A3 is late", [], "ana_silva_1001"],
    ["a name with another zip code", "Ana Silva, 99999", [], undefined],
    ["nothing", undefined, [], undefined],
  ])("is told by %s", (_by, request, actions, user) => {
    expect(whose(request, ...actions)).toBe(user);
  });
});

describe("npm run retail", slowly, () => {
  let folder: string;
  const file = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };
  const program = async (...args: string[]) => {
    let [out, err] = ["", ""];
    const code = await retail(args, {
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "deputize-retail-"));
    file("db.json", FIXTURE);
    file("tasks.json", TASKS);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const db = () => join(folder, "db.json");
  const tasks = () => join(folder, "tasks.json");

  it("prints four figures and exits 0 when all hold", async () => {
    const { code, out } = await program("--tasks", tasks(), "--db", db());
    expect(out.match(/\d+ of \d+ \w+$/gm)).toEqual([
      "2 of 2 tasks",
      "2 of 2 tasks",
      "8 of 8 steps",
      "2 of 2 changes",
    ]);
    expect(code).toBe(0);
  });

  it("takes an empty list, and prints everything for programs", async () => {
    const { code, out } = await program("--tasks", file("none.json", []), "--db", db(), "--json");
    expect(JSON.parse(out)).toMatchObject({ tasks: 0, own: { held: 0, of: 0 }, failures: [] });
    expect(code).toBe(0);
  });

  it("exits 1 when a figure falls short", async () => {
    const odd = file("odd.json", [{ id: "odd", actions: [call("give_discount")] }]);
    const { code, out } = await program("--tasks", odd, "--db", db());
    expect(out).toContain("task odd: give_discount: the desk has no tool `give_discount`");
    expect(code).toBe(1);
  });

  it("is a program that says so by its exit code", async () => {
    const child = spawn(process.execPath, ["scripts/retail.ts"], {
      cwd: new URL("../../..", import.meta.url),
      stdio: "ignore",
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(2);
  });

  it.each<[string, () => string[], RegExp]>([
    ["no files", () => [], /npm run retail -- --tasks FILE --db FILE/],
    ["an unknown option", () => ["--task", "x"], /--task/],
    [
      "a missing file",
      () => ["--tasks", join(folder, "no.json"), "--db", db()],
      /no\.json cannot be read \(ENOENT\)/,
    ],
    ["a missing database", () => ["--tasks", tasks(), "--db", folder], /cannot be read \(EISDIR\)/],
    [
      "tasks that are no JSON",
      () => ["--tasks", file("bad.json", "[{"), "--db", db()],
      /bad\.json: this is no JSON/,
    ],
    [
      "tasks of another form",
      () => ["--tasks", file("form.json", [{ id: "1", actions: [{ arguments: {} }] }]), "--db", db()],
      /form\.json: task 0\.actions\.0\.name/,
    ],
    [
      "a bad record",
      () => ["--tasks", tasks(), "--db", file("bad-db.json", { users: { x: {} } })],
      /bad-db\.json: `users`, record `x`/,
    ],
  ])("exits 2 for %s, and says so", async (_what, args, message) => {
    const { code, out, err } = await program(...args());
    expect(err).toMatch(message);
    expect(out).toBe("");
    expect(code).toBe(2);
  });
});
