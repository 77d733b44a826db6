/** An outbound webhook that proves who sends it: the receiver asks the authority before it believes a word. */
import { type Agent } from "deputize/client";
import type { ExampleContext } from "../example.ts";
import { startResourceServer } from "../resource-server.ts";

export const title = "an outbound webhook, and a receiver that checks who sent it";
export const ceiling = ["send:webhooks:*"];

export async function run({ app, print }: ExampleContext): Promise<void> {
  const received: string[] = [];
  await using receiver = await startResourceServer(app.brokerUrl, {
    scopeFor: (method, path) =>
      method === "POST" && path === "/billing" ? "send:webhooks:billing" : undefined,
    answer: ({ body, claims }) => {
      const { event } = JSON.parse(body) as { event: string };
      received.push(event);
      return { accepted: event, from: claims.task_id };
    },
  });
  const send = async (sender: Agent | undefined, event: string): Promise<string> => {
    const response = await fetch(`${receiver.url}/billing`, {
      method: "POST",
      headers: { "content-type": "application/json", ...sender?.bearerHeader },
      body: JSON.stringify({ event }),
    });
    return `${response.status} ${await response.text()}`;
  };

  const billing = await app.createAgent({
    orchestration: "webhooks",
    task: "invoice-7",
    scope: ["send:webhooks:billing"],
  });
  await using shipping = await app.createAgent({
    orchestration: "webhooks",
    task: "parcel-9",
    scope: ["send:webhooks:shipping"],
  });
  print(`billing sends:   ${await send(billing, "invoice.paid")}`);
  print(`shipping sends:  ${await send(shipping, "invoice.cancelled")}`);
  print(`a stranger:      ${await send(undefined, "invoice.cancelled")}`);
  await billing.release();
  print(`after release:   ${await send(billing, "invoice.paid")}`);
  print(`the receiver took: ${received.join(", ")}`);
}
