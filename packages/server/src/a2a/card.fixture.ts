/** For tests: keys of cards, and a web server that publishes what a test says. */
import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AgentCard } from "@a2a-js/sdk";
import { type AgentCardOptions, agentCard } from "./card.ts";

export const ed25519 = (): KeyObject => generateKeyPairSync("ed25519").privateKey;
export const p256 = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

export function testCard(more: Partial<AgentCardOptions> = {}): AgentCard {
  return agentCard({
    name: "support",
    description: "Helps with orders.",
    url: "http://127.0.0.1/a2a/support",
    version: "1.2.0",
    skills: [{ id: "orders", name: "Orders", description: "finds and cancels orders" }],
    ...more,
  });
}

/** The card as it goes over the wire. */
export const wire = (card: AgentCard): Record<string, unknown> =>
  JSON.parse(JSON.stringify(AgentCard.toJSON(card))) as Record<string, unknown>;

type Answer = unknown | ((request: IncomingMessage, response: ServerResponse) => void);

export interface TestSite {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** What a path answers: JSON, or whatever a function does. */
  publish(path: string, answer: Answer): void;
  close(): Promise<void>;
}

export async function openSite(): Promise<TestSite> {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    asked.push(path);
    const answer = answers.get(path);
    if (typeof answer === "function") return void answer(request, response);
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    publish: (path, answer) => void answers.set(path, answer),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
