/** For tests in a browser: a server with an agent that asks before it sends, and a browser that remembers every request. */
import { approvalQueue } from "@deputize/agent";
import type { Script } from "@deputize/agent/testing";
import { nowSeconds, systemClock } from "@deputize/core";
import { type Browser, type Page, type Request, chromium } from "playwright-core";
import { z } from "zod";
import type { AgentServerOptions } from "../agent-server/create-agent-server.ts";
import { type Running, startServer, testAgent, token } from "../agent-server/server.fixture.ts";

export const SENDS: Script = [
  { calls: [{ tool: "send_mail", args: { to: "bob@example.com", text: "The order has left." } }] },
  { text: "I have sent it to Bob." },
  ...Array.from({ length: 50 }, () => ({ text: "Anything else?" })),
];

export interface Mailing extends Running {
  /** What the tool did. */
  readonly sent: unknown[];
}

/** A server whose agent plays `script`, with a tool `send_mail` that needs a yes. */
export async function mailingServer(
  script: Script = SENDS,
  options: Partial<AgentServerOptions> = {},
): Promise<Mailing> {
  const sent: unknown[] = [];
  const agent = await testAgent(script, {
    approvals: { ask: ["send_*"], handler: approvalQueue() },
    extraTools: [
      {
        name: "send_mail",
        description: "Sends a mail to somebody.",
        input: z.strictObject({ to: z.string(), text: z.string() }),
        call: async (input) => {
          sent.push(input);
          const label = { integrity: "trusted", readers: "public", source: "mail" } as const;
          return { status: "done", content: { sent: true }, label, cards: [] };
        },
      },
    ],
  });
  const server = await startServer({ agents: [agent], playground: true, ...options });
  return { ...server, sent };
}

/** A token of somebody who has signed in just now. */
export function freshToken(userId = "ann"): Promise<string> {
  return token({ userId, claims: { auth_time: nowSeconds(systemClock) } });
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["DEPUTIZE_TEST_CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

export interface Watched {
  readonly page: Page;
  readonly requests: Request[];
  /** Policy violations, script errors and warnings. */
  readonly complaints: string[];
}

/** A page of a context of its own, whose every request and complaint is kept. */
export async function watchedPage(
  browser: Browser,
  how: { readonly width?: number; readonly dark?: boolean } = {},
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: how.width ?? 1280, height: 800 },
    colorScheme: how.dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const requests: Request[] = [];
  const complaints: string[] = [];
  context.on("request", (request) => requests.push(request));
  page.on("console", (message) => {
    // A 401 is what a page without a token is to get; browsers complain of it nevertheless.
    if (["error", "warning"].includes(message.type()) && !/status of 401/.test(message.text()))
      complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return { page, requests, complaints };
}
