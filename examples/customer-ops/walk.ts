/** The desk, walked through: lists, a read, refusals, a refund that waits, a case, and the log's proof. */
import { verifyLog, verifyReceipt } from "deputize/audit";
import { META, TestClient, type ToolCallResult } from "deputize/mcp";
import type { Desk } from "./installation.ts";
import { PEOPLE, type PersonName } from "./people.ts";

/** What a client says of its conversation: nothing but the person's own words is in it. */
const TRUSTED = { [META.context]: { integrity: "trusted" } };

export async function walk(desk: Desk, print: (line?: string) => void): Promise<void> {
  print("Who sees how many of the 30 tools");
  for (const name of ["ann", "sam", "lin", "ada", "omar", "max"] as const) {
    const { name: full, roles } = PEOPLE[name];
    const tools = await (await clientOf(desk, name)).listTools();
    print(`  ${full.padEnd(10)} ${(roles.join(", ") || "customer").padEnd(30)} ${tools.length}`);
  }

  const ann = await clientOf(desk, "ann");
  print("\nAnn asks where her order is");
  print(
    `  orders_track_shipment(12345) → ${said(await ann.callTool("orders_track_shipment", { order_id: "12345" }))}`,
  );
  print("\nWhat is not hers, and what does not exist, is one and the same");
  for (const order_id of ["22345", "99999"]) {
    print(`  orders_get_order(${order_id}) → ${said(await ann.callTool("orders_get_order", { order_id }))}`);
  }
  const unknown = await ann
    .callTool("ops_feature_toggle", { feature: "dark_mode", enabled: true })
    .catch(String);
  print(`  ops_feature_toggle(dark_mode) → ${typeof unknown === "string" ? unknown : said(unknown)}`);

  print("\nA small refund of an own delivered order is the written exception");
  const { person, assistant: token } = await desk.signIn("ann");
  const assistant = new TestClient(desk.server, { token });
  for (const line of exceptions(desk)) print(`  ${line}`);
  const small = { order_id: "12345", amount: 12.5, reason: "a bulb was broken" };
  const smallRefund = (meta: object) =>
    assistant.callTool("orders_process_refund", small, meta as Record<string, unknown>);
  print(`  12.50 with a stranger's text about → ${waitsFor(await smallRefund({}))}`);
  print(`  12.50 of her own words → ${said(await smallRefund(TRUSTED))}`);
  print(`  12.50 once more, which makes 25.00 → ${waitsFor(await smallRefund(TRUSTED))}`);

  print("\nAnn's assistant wants a larger refund, and waits for Ann");
  const refund = { order_id: "12345", amount: 25, reason: "the lamp flickers" };
  const call = { ...TRUSTED, [META.callId]: "call-1" };
  const asked = await assistant.callTool("orders_process_refund", refund, call);
  const card = asked._meta?.[META.approval] as { id: string; summary: string };
  print(`  waiting: ${card.summary}`);
  print(`  the assistant decides itself → ${await decide(desk, token, card.id)}`);
  print(`  Ann decides, signed in → ${await decide(desk, person, card.id)}`);
  const done = await assistant.callTool("orders_process_refund", refund, {
    ...call,
    [META.approvalId]: card.id,
  });
  print(`  the same call again → ${said(done)}`);
  const again = await assistant.callTool("orders_process_refund", refund, {
    ...call,
    [META.approvalId]: card.id,
  });
  print(`  and once more → ${said(again)}`);

  print("\nSam of support looks at Ann's profile");
  const sam = await desk.signIn("sam");
  const colleague = new TestClient(desk.server, { token: sam.assistant });
  const profile = () => colleague.callTool("customers_get_customer", { customer_id: "42" });
  print(`  without a case → ${said(await profile())}`);
  await send(desk, "/api/cases", sam.person, {
    subject_email: PEOPLE.ann.email,
    purpose: "ticket T-501: the lamp flickers",
    resources: ["profile"],
  });
  const seen = await profile();
  print(`  with a case open → ${said(seen)}`);

  await desk.audit.flush();
  print("\nThe receipts");
  for (const result of [done, seen]) print(`  ${await receiptLine(desk, result)}`);
  const report = await verifyLog({ store: desk.store, publicKey: desk.audit.publicKey });
  print(`  the whole log: ${report.size} entries, ${report.ok ? "none missing or changed" : "damaged"}`);
}

/** Each tool that may go on without a yes where it would ask otherwise, as the server explains itself. */
function exceptions(desk: Desk): string[] {
  return desk.server.explain().flatMap(({ name, steps }) => {
    const approval = steps.find((step) => step.startsWith("approval: ") && step.includes("; exempt"));
    return approval === undefined ? [] : [`${name}: ${approval}`];
  });
}

function waitsFor(result: ToolCallResult): string {
  const card = result._meta?.[META.approval] as { summary: string } | undefined;
  return card ? `waiting: ${card.summary}` : said(result);
}

async function clientOf(desk: Desk, name: PersonName): Promise<TestClient> {
  return new TestClient(desk.server, { token: await desk.tokenOf(name) });
}

/** An answer in one line. */
function said(result: ToolCallResult): string {
  const { error, ...rest } = result.structuredContent ?? {};
  if (error)
    return `${(error as { code: string; message: string }).code}: ${(error as { message: string }).message}`;
  const text = JSON.stringify(rest);
  return text.length > 150 ? `${text.slice(0, 150)}…` : text;
}

function send(desk: Desk, path: string, token: string, body: object): Promise<Response> {
  const request = new Request(new URL(path, desk.mcpUrl), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return Promise.resolve(desk.fetch(request));
}

async function decide(desk: Desk, token: string, approval: string): Promise<string> {
  const response = await send(desk, `/api/approvals/${approval}/decide`, token, { decision: "approve" });
  return response.ok ? "approved" : `refused with ${response.status}`;
}

async function receiptLine(desk: Desk, result: ToolCallResult): Promise<string> {
  const receipt = await desk.audit.receipt(String(result._meta?.[META.entryId]));
  if (!receipt) return "no receipt";
  const { ok } = await verifyReceipt(receipt, { publicKey: desk.audit.publicKey });
  const { action, resource, outcome, case: under } = receipt.summary;
  const why = under ? `, under a case: ${under.purpose}` : "";
  return `${action} ${resource} ${outcome}${why}; entry ${receipt.index} of ${receipt.size}, ${ok ? "proof holds" : "proof fails"}`;
}
