/** Every example against the real authority, and its output line by line where the lines are fixed. */
import { readFileSync, readdirSync } from "node:fs";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authorityServerMigrations } from "@deputize/server/authority";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { CATALOGUE } from "./catalogue.ts";
import { runExample } from "./run-example.ts";
import { openThrowawayAuthority } from "./throwaway-authority.ts";

let store: TestStore;
let authority: Awaited<ReturnType<typeof openThrowawayAuthority>>;

beforeAll(async () => {
  store = await openTestStore(authorityServerMigrations);
  authority = await openThrowawayAuthority({ store });
});
afterAll(async () => {
  await authority[Symbol.asyncDispose]();
  await store.close();
});

/** Its output, with what differs from run to run named. */
async function linesOf(name: string, ...args: string[]): Promise<string[]> {
  const example = await CATALOGUE[name]?.();
  if (!example) throw new Error(`no example ${name}`);
  const lines: string[] = [];
  await runExample(name, example, args, authority, (line) => lines.push(line));
  return lines;
}

const program = (
  args: string[],
  env: Record<string, string> = {},
): { child: ReturnType<typeof spawn>; end: Promise<{ code: number | null; out: string; err: string }> } => {
  const child = spawn(process.execPath, ["scripts/example.ts", ...args], {
    cwd: new URL("..", import.meta.url),
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  return {
    child,
    end: new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err }))),
  };
};

/** The mission's "Expected Output", where `…` stands for what differs. */
const ORDER_WORKER = String.raw`Processing order ord-4823 for customer cust-7291
=======================================================

Agent created: spiffe://agentwrit.local/agent/order-worker/process-ord-4823/…
  Scope:   ['read:data:customer-cust-7291', 'write:data:order-ord-4823']
  Expires: 300s
  Token:   eyJhbGciOiJFZERTQSIsInR5cCI6...

Token is valid. Claims:
  Issuer:  agentwrit
  Subject: spiffe://agentwrit.local/agent/order-worker/process-ord-4823/…
  Scope:   ['read:data:customer-cust-7291', 'write:data:order-ord-4823']
  Task:    process-ord-4823
  Orch:    order-worker
  JTI:     …

[READ] Customer profile for cust-7291: John Doe, Premium tier
[WRITE] Order ord-4823 confirmed for customer cust-7291
[BLOCKED] Cannot access customer cust-9999 — scope isolation working
[BLOCKED] Cannot write order ord-0000 — scope isolation working

Agent released. Token is now dead at the broker.
Confirmed: token rejected — "token is invalid or expired"`.split("\n");

describe("the eight programs", () => {
  it("order-worker prints what its scenario promises, line by line [AW-F25] [AW-D46]", async () => {
    const lines = await linesOf("order-worker");
    expect(
      lines.map((line) =>
        line
          .replace(/(process-ord-4823\/)[0-9a-f]{16}$/, "$1…")
          .replace(/^( {2}JTI: {5})[0-9a-f]{32}$/, "$1…"),
      ),
    ).toEqual(ORDER_WORKER);
  });
});
