/** Every example against the real authority, and its output line by line where the lines are fixed. */
import { readFileSync, readdirSync } from "node:fs";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OperatorClient } from "deputize/client";
import { authorityServerMigrations } from "@deputize/server/authority";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { CATALOGUE } from "./catalogue.ts";
import { runExample } from "./run-example.ts";
import { type ThrowawayAuthority, openThrowawayAuthority } from "./throwaway-authority.ts";

let store: TestStore;
let authority: ThrowawayAuthority;

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

/** How many lines begin with each `[WORD]`. */
function kinds(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const kind = /^\[([^\]]+)\]/.exec(line)?.[1];
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

const program = (
  args: string[],
  env: Readonly<Record<string, string>> = {},
): {
  child: ChildProcessWithoutNullStreams;
  end: Promise<{ code: number | null; out: string; err: string }>;
} => {
  const child = spawn(process.execPath, ["scripts/example.ts", ...args], {
    cwd: new URL("..", import.meta.url),
    env: {
      PATH: process.env["PATH"] ?? "",
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "",
      ...env,
    },
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

  it("data-pipeline moves each tenant's rows, and the warehouse itself refuses another's", async () => {
    expect(await linesOf("data-pipeline")).toEqual([
      "[hospital] extracted 2, loaded 2",
      "[hospital] reading bank: blocked here, and refused by the warehouse (403)",
      "[bank] extracted 3, loaded 3",
      "[bank] reading hospital: blocked here, and refused by the warehouse (403)",
      "[retail] extracted 1, loaded 1",
      "[retail] reading hospital: blocked here, and refused by the warehouse (403)",
    ]);
  });

  it.each(["p-1042", "p-2077"])(
    "patient-guard refuses another patient, whoever asks: %s",
    async (patient) => {
      const lines = await linesOf("patient-guard", "--patient", patient);
      expect(kinds(lines)).toEqual({ READ: 3, BLOCKED: 4, REFUSED: 1 });
      for (const line of lines.filter((each) => each.startsWith("[READ]")))
        expect(line).toContain(`of ${patient}:`);
      expect(lines).toContain(
        `[BLOCKED] labs of ${patient}-neighbour: the agent does not hold \`read:labs:${patient}-neighbour\``,
      );
    },
  );

  it("moderation acts with what was handed on, for one user, until the reviewer is done", async () => {
    const lines = await linesOf("moderation", "--user", "user-5");
    expect(kinds(lines)).toEqual({ REVIEW: 1, "HANDED ON": 1, DELETE: 1, SUSPEND: 1, BLOCKED: 2 });
    expect(lines[1]).toBe("[HANDED ON] delete:posts:user-5, suspend:users:user-5 for 60s");
    expect(lines.at(-1)).toBe("The reviewer is done: what it handed on is dead too.");
  });

  it("deploy-chain hands on twice, each time less, and ends as a whole", async () => {
    const lines = await linesOf("deploy-chain");
    expect(lines).toContain("analyst → deployer:      write:deploy:staging");
    expect(lines).toContain("hop 1: orchestrate held read:deploy:*, write:deploy:*");
    expect(lines).toContain("hop 2: analyse held read:deploy:staging, write:deploy:staging");
    expect(kinds(lines)).toEqual({ ANALYST: 1, DEPLOYER: 1, REFUSED: 1, BLOCKED: 1 });
    expect(lines.at(-1)).toBe("The orchestrator is done: analyst's and deployer's tokens are dead.");
  });

  it("incident-response ends what each level names, the root of a chain too", async () => {
    const lines = await linesOf("incident-response");
    expect(lines).toEqual([
      "token  → the leaked one dead, its neighbour alive",
      "agent  → the suspect dead, the witness alive",
      "task   → export 1 dead, export 2 dead, backup alive",
      "chain  → the root dead, its delegate dead, the next one dead, a bystander alive",
      "The last order ended 3 grants. What the delegates held of their own stays theirs:",
      "chain  → middle alive, leaf alive",
    ]);
  });

  it("audit-scanner is told no about any garbage without a throw, and shows real errors", async () => {
    const lines = await linesOf("audit-scanner");
    expect(kinds(lines)).toEqual({ HEALTH: 1, TOKEN: 1, GARBAGE: 6, ERROR: 6 });
    expect(lines[0]).toMatch(/^\[HEALTH\] ok, version \d+\.\d+\.\d+, database up$/);
    for (const line of lines.filter((each) => each.startsWith("[GARBAGE]"))) {
      expect(line).toMatch(/: token is invalid or expired$/);
    }
    expect(
      lines.filter((line) => line.startsWith("[ERROR]")).map((line) => line.split(": ").slice(0, 2)),
    ).toEqual([
      ["[ERROR] above the ceiling", "AuthorizationError 403 forbidden"],
      ["[ERROR] a malformed scope", "ProblemResponseError 400 invalid_request"],
      ["[ERROR] a delegate nobody knows", "ProblemResponseError 404 not_found"],
      ["[ERROR] a wrong secret", "AuthenticationError 401 unauthenticated"],
      ["[ERROR] after release", "DeputizeError 401 grant_revoked"],
      ["[ERROR] nobody there", "TransportError 503 unavailable"],
    ]);
  });
});

describe("the ten small ones", () => {
  it("file-gate gives out what the token names, and nothing after release", async () => {
    expect(await linesOf("file-gate")).toEqual([
      "read report.txt    yes: profits are up",
      "read salaries.txt  no: not within the token's scope",
      "write report.txt   no: not within the token's scope",
      "no token           no: the token is not valid",
      "after release      no: the token is not valid",
    ]);
  });

  it("api-gateway reaches one customer a request; the API behind it checks", async () => {
    expect(await linesOf("api-gateway")).toEqual([
      'GET /customers/42 → 200 {"name":"Ada","plan":"pro"}',
      'GET /customers/43 → 200 {"name":"Grace","plan":"free"}',
      'GET /customers/43 as the worker for 42 → 403 {"error":"this needs read:customers:43"}',
      'GET /customers/42 without a token → 401 {"error":"token is invalid or expired"}',
    ]);
  });

  it("tool-executor checks each call against the task's scope", async () => {
    expect(await linesOf("tool-executor")).toEqual([
      "read_customer(42) → customer 42: Ada, pro",
      "add_note(42, called today) → noted at 42: called today",
      "read_customer(*) → refused: the agent does not hold `read:customers:*`",
      "read_customer(43) → refused: the agent does not hold `read:customers:43`",
      "delete_customer(42) → refused: the agent does not hold `delete:customers:42`",
      "drop_table(42) → refused: no such tool",
    ]);
  });

  it("pipeline leaves no worker behind, also when a stage fails", async () => {
    expect(await linesOf("pipeline")).toEqual([
      "[EXTRACT] 3 rows",
      "[TRANSFORM] 3 rows",
      "[LOAD] sum 6",
      "workers alive while it runs: 3",
      "workers alive afterwards: 0",
      "[EXTRACT] 2 rows",
      "[FAILED] a row is no number",
      "workers alive after the failure: 0",
    ]);
  });

  it("audit-reader shows the newest first and checks the chain", async () => {
    const lines = await linesOf("audit-reader", "--last", "5");
    expect(lines[0]).toMatch(/^the last 5 of \d+ events, newest first$/);
    const numbers = lines.slice(1, 6).map((line) => Number(/^evt-(\d+)/.exec(line)?.[1]));
    expect(numbers).toEqual([...numbers].toSorted((a, b) => b - a));
    expect(lines[1]).toContain("token_released");
    expect(lines.at(-1)).toMatch(/^the chain holds from evt-\d+ to evt-\d+$/);
  });

  it("webhook is believed only with a live token of the right scope", async () => {
    expect(await linesOf("webhook")).toEqual([
      'billing sends:   200 {"accepted":"invoice.paid","from":"invoice-7"}',
      'shipping sends:  403 {"error":"this needs send:webhooks:billing"}',
      'a stranger:      401 {"error":"token is invalid or expired"}',
      'after release:   401 {"error":"token is invalid or expired"}',
      "the receiver took: invoice.paid",
    ]);
  });

  it("ceiling-guard is refused the authority's own powers, by the authority", async () => {
    expect(kinds(await linesOf("ceiling-guard"))).toEqual({ REFUSED: 7, CREATED: 1 });
  });
});

describe.concurrent("those of them that take time", () => {
  it("trading-agent renews, scalps, and releases quietly what ran out", async () => {
    expect(await linesOf("trading-agent", "--scalp", "1", "--expiry", "1")).toEqual([
      "[TRADE] ACME at 101.2; renewed, the old token is dead",
      "[TRADE] ACME at 101.4; renewed, the old token is dead",
      "[TRADE] ACME at 101.1; renewed, the old token is dead",
      "[SCALP] 1s to get in and out",
      "[SCALP] out in half of the time, and released",
      "[EXPIRY] waiting 1s, without releasing",
      "[EXPIRY] dead by itself; releasing it afterwards is quiet",
    ]);
  });

  it("worker-lifecycle renews by deadline, and never runs out", async () => {
    const lines = await linesOf("worker-lifecycle", "--jobs", "10", "--pause", "0.6", "--ttl", "5");
    expect(kinds(lines)).toMatchObject({ START: 1, "JOB 10": 1, END: 1, RELEASED: 1 });
    expect(lines.at(-2)).toMatch(/^\[END\] renewed [1-9]\d* times, still good; releasing$/);
  });

  it("worker-lifecycle finishes its job and lets go when it is told to stop", async () => {
    const { child, end } = program(["worker-lifecycle", "--jobs", "1000"], {
      DEPUTIZE_URL: authority.brokerUrl,
      DEPUTIZE_ADMIN_SECRET: authority.adminSecret,
    });
    child.stdout.on("data", (text: Buffer) => {
      if (text.toString().includes("[JOB 1]")) child.kill("SIGTERM");
    });
    const { code, out, err } = await end;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.trim().split("\n").slice(-3)).toEqual([
      "[SIGTERM] finishing the job in hand",
      "[END] renewed 0 times, still good; releasing",
      "[RELEASED]",
    ]);
  });

  it("tenant-factory keeps workers apart and replaces them before they run out", async () => {
    expect(await linesOf("tenant-factory", "--ttl", "4")).toEqual([
      "acme holds read:data:orders:acme, read:data:invoices:acme",
      "acme again: the same worker",
      "globex: another worker",
      "acme reading globex: the agent does not hold `read:data:orders:globex`",
      "acme reading everything: the agent does not hold `read:data:*`",
      "support, with read:data:*, reads both",
      "acme, 2.8s later: a fresh worker, before the old one ran out",
    ]);
  });

  it("revocation-watch tells the owner what a stranger is not told", async () => {
    const lines = await linesOf("revocation-watch", "--expiry", "1");
    expect(lines.filter((line) => line.includes("a stranger hears"))).toEqual([
      '[taken-away] a stranger hears "token is invalid or expired", its owner: revoked',
      '[let-go] a stranger hears "token is invalid or expired", its owner: released',
      '[run-out] a stranger hears "token is invalid or expired", its owner: expired',
    ]);
  });
});

describe("the demos", () => {
  it("medassist prescribes for one patient, and refuses what the record's note asked for", async () => {
    const lines = await linesOf("medassist");
    const refused = lines.filter((line) => line.includes("REFUSED"));
    // The model asks for both at once, so either may be refused first.
    expect(refused.toSorted()).toEqual([
      expect.stringMatching(/read_billing\(p-1042\) → REFUSED/),
      expect.stringMatching(/read_records\(p-2077\) → REFUSED/),
    ]);
    expect(lines).toContain("  write_prescription(p-1042, azithromycin) → prescribed: azithromycin");
    const audit = lines.slice(lines.indexOf("Audit view, newest first") + 1);
    expect(audit.filter((line) => /delegation_created +success/.test(line))).toHaveLength(3);
    expect(
      audit.filter((line) => /delegation_attenuation_violation +denied +encounter-p-1042/.test(line)),
    ).toHaveLength(2);
  });

  it("support-tickets lets each agent do its own work only, with the log alongside", async () => {
    const lines = await linesOf("support-tickets", "--pace", "0.1");
    expect(lines.filter((line) => line.includes("REFUSED")).map((line) => line.split(" → ")[0])).toEqual([
      "[triage] refund_order(o-9)",
      "[knowledge] get_customer(c-99)",
      "[response] send_reply(t-502)",
      "[response] delete_account(c-88)",
    ]);
    expect(lines).toContain("[response] refund_order(o-9) → 39.00 refunded");
    const log = lines.filter((line) => line.startsWith("    log:"));
    for (const agent of ["triage", "knowledge", "response"]) {
      expect(log.some((line) => line.includes(`agent_registered success ${agent}`))).toBe(true);
      expect(log.some((line) => line.includes(`token_released success ${agent}`))).toBe(true);
    }
    // As it happens, not at the end.
    expect(lines.findIndex((line) => line.startsWith("    log:"))).toBeLessThan(
      lines.findIndex((line) => line.startsWith("[response]")),
    );
  });
});

// Processes of their own, one of which makes a database from nothing, on a machine that has other tests to run.
describe.concurrent("npm run example", { timeout: 120_000 }, () => {
  it("runs one with nothing set: an authority of its own, for as long as it runs", async () => {
    const { code, out, err } = await program(["order-worker", "--order", "ord-1"]).end;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.split("\n")[0]).toBe("Processing order ord-1 for customer cust-7291");
    expect(out.trim().split("\n").at(-1)).toBe('Confirmed: token rejected — "token is invalid or expired"');
  });

  it("runs one as an app of an authority that is there, and says what is wrong in one line", async () => {
    const operator = new OperatorClient(authority);
    const { clientId, clientSecret } = await operator.registerApp({
      name: "narrow",
      scopes: ["read:data:*"],
    });
    const there = { AGENTWRIT_BROKER_URL: authority.brokerUrl, AGENTWRIT_CLIENT_ID: clientId };
    const runs = await Promise.all([
      program(["file-gate"], { ...there, AGENTWRIT_CLIENT_SECRET: clientSecret }).end,
      program(["pipeline"], { ...there, AGENTWRIT_CLIENT_SECRET: "0".repeat(64) }).end,
      program(["pipeline"], there).end,
      program(["pipeline"], { DEPUTIZE_URL: "http://127.0.0.1:1", DEPUTIZE_ADMIN_SECRET: "x" }).end,
      program(["audit-reader"], { ...there, AGENTWRIT_CLIENT_SECRET: clientSecret }).end,
      program(["order-worker", "--colour", "red"], { ...there, AGENTWRIT_CLIENT_SECRET: clientSecret }).end,
      program(["odrer-worker"]).end,
      program(["constructor"]).end,
    ]);
    for (const { code, err } of runs) {
      expect(code).toBe(1);
      expect(err.trim().split("\n")).toHaveLength(1);
    }
    expect(runs.map(({ err }) => err)).toEqual([
      expect.stringContaining("the app's ceiling must hold read:files:* write:files:*"),
      expect.stringContaining("check DEPUTIZE_CLIENT_ID"),
      expect.stringContaining("also set DEPUTIZE_CLIENT_ID and DEPUTIZE_CLIENT_SECRET"),
      expect.stringContaining("start it with `npx deputize serve`"),
      expect.stringContaining("set DEPUTIZE_ADMIN_SECRET"),
      expect.stringContaining("--colour"),
      expect.stringContaining("did you mean `order-worker`?"),
      expect.stringContaining("there is no example `constructor`"),
    ]);
  });

  it("lists them, each with a line, and misses none", async () => {
    const { out } = await program([]).end;
    const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
    const folders = readdirSync(new URL(".", import.meta.url), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(Object.keys(CATALOGUE)).toEqual(expect.arrayContaining(folders));
    for (const name of Object.keys(CATALOGUE)) {
      expect(out).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
      expect(readme).toContain(`npm run example ${name}`);
    }
  });
});
