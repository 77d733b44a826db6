/** What a person lets agents do while they are away, in a real browser against the real shop, all of it by keyboard and by names. */
import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { PATIENTLY, shopInBrowser } from "./shop-in-browser.ts";

const { signInAs, read } = shopInBrowser();

interface Order {
  id: string;
  number: string;
  status: string;
}

const cancellable = async (page: Page): Promise<Order[]> =>
  (await read<{ orders: Order[] }>(page, "/api/orders?limit=20")).orders.filter(({ status }) =>
    ["placed", "confirmed"].includes(status),
  );

async function press(control: Locator, key = "Enter"): Promise<void> {
  await control.focus();
  await control.press(key);
}

/** Makes a mandate for order-management by the form, and leaves what follows open: giving it something to do. */
async function makeMandate(page: Page, purpose: string, order: Order): Promise<void> {
  await press(page.getByRole("button", { name: "Let an agent work" }));
  const dialog = page.getByRole("dialog", { name: "Let an agent work for you" });
  await dialog.getByLabel("Which agent").selectOption({ label: "Order management" });
  await press(dialog.getByRole("button", { name: "Read it through" }));
  await dialog.getByLabel("What it is for").fill(purpose);
  await press(dialog.getByRole("button", { name: "Read it through" }));
  expect(await dialog.getByRole("alert").innerText()).toMatch(/at least one/);
  for (const tool of ["My orders", "One order", "Cancel an order (asks you each time)"])
    await press(dialog.getByLabel(tool, { exact: true }), "Space");
  await press(dialog.getByLabel(new RegExp(`^${order.number},`)), "Space");
  await press(dialog.getByRole("button", { name: "Read it through" }));
  const text = await dialog.getByTestId("mandate-confirmation").innerText();
  expect(text).toContain(`Only ${order.number}`);
  expect(text).toMatch(/waits for your own yes each time: Cancel an order/);
  expect(
    (await read<{ mandates: { purpose: string }[] }>(page, "/api/mandates")).mandates.map((m) => m.purpose),
  ).not.toContain(purpose);
  await press(dialog.getByRole("button", { name: "Let it" }));
  await page.getByRole("dialog", { name: "Give it something to do" }).waitFor();
}

async function giveWork(page: Page, message: string): Promise<Locator> {
  const dialog = page.getByRole("dialog", { name: "Give it something to do" });
  await dialog.getByLabel("What to do").fill(message);
  await press(dialog.getByRole("button", { name: "Begin" }));
  await dialog.waitFor({ state: "detached" });
  return page.getByLabel(new RegExp(`^Work of .*: ${message}$`));
}

const LONG = { timeout: 45_000 };

it("is made, waits for a yes, is done once, and ends for good with Stop [SR-14]", async () => {
  const page = await signInAs(/Alice Johnson/, "/background");
  await page.getByText("No agent works while you are away").waitFor();
  const [order, other] = await cancellable(page);
  if (order === undefined || other === undefined) throw new Error("too few orders are left to cancel");
  await makeMandate(page, "Cancel what is late while I travel", order);
  const mandate = page.getByLabel("Mandate: Cancel what is late while I travel");
  expect(await mandate.innerText()).toContain(`Only ${order.number}`);

  const work = await giveWork(page, `Cancel order ${order.number}`);
  await work.getByText("Needs you").waitFor(LONG);
  await press(work.getByRole("link", { name: "It waits for your decision" }));
  const card = page.getByTestId("approval-card").first();
  expect(await card.innerText()).toContain(order.number);
  await press(card.getByRole("button", { name: "Approve" }));
  await expect
    .poll(async () => (await read<Order>(page, `/api/orders/${order.id}`)).status, LONG)
    .toBe("cancelled");
  await page.goBack();
  await work.getByText("Done", { exact: true }).waitFor(LONG);
  await press(work.getByText("What was said"));
  await work.getByText(`Cancel order ${order.number}`, { exact: true }).last().waitFor();
  await work.getByText("The agent").first().waitFor();
  const { timeline } = await read<{ timeline: { status: string }[] }>(page, `/api/orders/${order.id}`);
  expect(timeline.filter(({ status }) => status === "cancelled")).toHaveLength(1);

  // Another order than the mandate names is left alone, whatever is asked for.
  await press(mandate.getByRole("button", { name: /^Give it something to do/ }));
  const beyond = await giveWork(page, `Cancel order ${other.number}`);
  await beyond
    .getByText(/Done|Failed|Parked/)
    .first()
    .waitFor(LONG);
  expect((await read<Order>(page, `/api/orders/${other.id}`)).status).toBe(other.status);

  await press(mandate.getByRole("button", { name: /^Stop/ }));
  const sure = page.getByRole("alertdialog");
  await press(sure.getByRole("button", { name: "Keep" }));
  await sure.waitFor({ state: "detached" });
  expect(await mandate.innerText()).toContain("Active");
  await press(mandate.getByRole("button", { name: /^Stop/ }));
  await press(sure.getByRole("button", { name: "Stop it" }));
  await mandate.getByText("Stopped").waitFor();
  expect(await mandate.getByRole("button").count()).toBe(0);
}, 240_000);

it("is stopped while it waits, and parked work goes on under another mandate [SR-14]", async () => {
  const page = await signInAs(/Alice Johnson/, "/background", 390);
  const [order] = await cancellable(page);
  if (order === undefined) throw new Error("no order is left to cancel");
  await makeMandate(page, "The first of two", order);
  const stopped = await giveWork(page, `Cancel order ${order.number}`);
  await stopped.getByText("Needs you").waitFor(LONG);
  await press(stopped.getByRole("button", { name: /^Stop/ }));
  await press(page.getByRole("alertdialog").getByRole("button", { name: "Stop it" }));
  await stopped.getByText("Stopped").waitFor();

  const first = page.getByLabel("Mandate: The first of two");
  await press(first.getByRole("button", { name: /^Give it something to do/ }));
  const parked = await giveWork(page, `Please cancel order ${order.number}`);
  await parked.getByText("Needs you").waitFor(LONG);
  await press(first.getByRole("button", { name: /^Stop/ }));
  await press(page.getByRole("alertdialog").getByRole("button", { name: "Stop it" }));
  await parked.getByText("Parked: its mandate ended").waitFor(LONG);
  await makeMandate(page, "The second of two", order);
  await page.keyboard.press("Escape");
  await press(parked.getByRole("button", { name: "Go on under “The second of two”" }));
  await parked
    .getByText(/Needs you|Done/)
    .first()
    .waitFor(LONG);
  expect((await read<Order>(page, `/api/orders/${order.id}`)).status).toBe(order.status);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  await expect.poll(() => overflow, PATIENTLY).toBe(0);
}, 240_000);
