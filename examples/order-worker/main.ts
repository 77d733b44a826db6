/**
 * An order comes in; a worker handles it with a credential of its own: this customer's profile, this order, nothing
 * else, for as long as the work takes.
 */
import { parseArgs } from "node:util";
import { type Agent, type DeputizeApp, validate } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "one order, one worker: create, validate, work behind a gate, release";
export const ceiling = ["read:data:*", "write:data:*"];

export async function run({ app, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      customer: { type: "string", default: "cust-7291" },
      order: { type: "string", default: "ord-4823" },
    },
  });
  print(`Processing order ${values.order} for customer ${values.customer}`);
  print("=".repeat(55));
  print();
  await processOrder(app, values.customer, values.order, print);
}

// The gate stands in front of the data: no caller can forget it.
function readProfile(agent: Agent, customer: string): string {
  agent.enforce(`read:data:customer-${customer}`);
  return "John Doe, Premium tier";
}

function confirmOrder(agent: Agent, order: string): string {
  agent.enforce(`write:data:order-${order}`);
  return `Order ${order} confirmed`;
}

async function processOrder(
  app: DeputizeApp,
  customer: string,
  order: string,
  print: ExampleContext["print"],
): Promise<void> {
  // The scope comes from the work at hand, never from a setting.
  const agent = await app.createAgent({
    orchId: "order-worker",
    taskId: `process-${order}`,
    requestedScope: [`read:data:customer-${customer}`, `write:data:order-${order}`],
  });
  try {
    print(`Agent created: ${agent.agentId}`);
    print(`  Scope:   ${list(agent.scope)}`);
    print(`  Expires: ${agent.expiresIn}s`);
    print(`  Token:   ${agent.accessToken.slice(0, 28)}...`);
    print();

    // Any service that gets this token can ask whether it stands.
    const { valid, claims, error } = await validate(app.brokerUrl, agent.accessToken);
    if (!valid) throw new Error(`token invalid: ${error}`);
    print("Token is valid. Claims:");
    print(`  Issuer:  ${claims.iss}`);
    print(`  Subject: ${claims.sub}`);
    print(`  Scope:   ${list(claims.scope)}`);
    print(`  Task:    ${claims.task_id}`);
    print(`  Orch:    ${claims.orch_id}`);
    print(`  JTI:     ${claims.jti}`);
    print();

    print(`[READ] Customer profile for ${customer}: ${readProfile(agent, customer)}`);
    print(`[WRITE] ${confirmOrder(agent, order)} for customer ${customer}`);
    await refusal(() => readProfile(agent, "cust-9999"));
    print("[BLOCKED] Cannot access customer cust-9999 — scope isolation working");
    await refusal(() => confirmOrder(agent, "ord-0000"));
    print("[BLOCKED] Cannot write order ord-0000 — scope isolation working");
    print();
  } finally {
    // Also when the work failed. `await using agent = …` does the same without the block.
    await agent.release();
    print("Agent released. Token is now dead at the broker.");
  }

  const dead = await validate(app.brokerUrl, agent.accessToken);
  if (dead.valid) throw new Error("the token is still valid after release");
  print(`Confirmed: token rejected — "${dead.error}"`);
}

function list(items: readonly string[]): string {
  return `[${items.map((item) => `'${item}'`).join(", ")}]`;
}
