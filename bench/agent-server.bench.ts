/**
 * An agent server under load: what it costs beside the same agent served bare, in one run; and 200 streams over three replicas, one of which
 * is killed in the middle.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { InMemoryConversationStore, agentMigrations, buildAgent } from "@deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import { newId, randomHex } from "@deputize/core";
import { serverMigrations } from "@deputize/server";
import { createAgentServer } from "@deputize/server/agent-server";
import { authenticatorChain, jwtAuthenticator } from "@deputize/server/authenticators";
import { listen } from "@deputize/server/lifecycle";
import { openTestStore, testDatabaseUrl } from "@deputize/store/testing";
import { testCaller } from "../packages/server/src/testing.ts";
import {
  type ToldEvent,
  followRun,
  replicaToken,
  startReplica,
} from "../packages/server/src/agent-server/testing/replicas.ts";
import { measure, report } from "./harness.ts";
import { httpClient } from "./http-client.ts";

const STREAMS = 200;
const REPLICAS = 3;
const PIECES = 40;
const PIECE_MS = 500;
const LEASE_MS = 10_000;
const BEGUN_AT_ONCE = 20;

export async function run(): Promise<void> {
  await bareAndServed();
  if (testDatabaseUrl === undefined) console.log("  streams over replicas need DEPUTIZE_TEST_DATABASE_URL");
  else await streams();
}

async function agent(name: string) {
  return buildAgent({
    name,
    instructions: "Help.",
    model: scriptedModel(Array.from({ length: 100_000 }, () => ({ text: "Hello." }))),
    conversations: new InMemoryConversationStore(),
    audit: { append: async () => "entry" },
  });
}

/** The same agent behind a handler that knows nothing, and behind the server with tokens, rules, a log and runs. */
async function bareAndServed(): Promise<void> {
  const [plain, kept] = [await agent("bare"), await agent("served")];
  const person = testCaller("ann");
  const caller = { caller: person, authority: { tokenFor: async () => "token" } };
  const bare = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { message } = JSON.parse(body) as { message: string };
      void plain.run(message, { caller }).then((result) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ content: result.response }));
      });
    });
  });
  const secret = randomHex(32);
  const served = createServer(getRequestListener((request, env) => server.fetch(request, env)));
  const ports = await Promise.all([bare, served].map((one) => listen(one, { port: 0, host: "127.0.0.1" })));
  const server = createAgentServer({
    agents: [kept],
    auth: { chain: authenticatorChain([jwtAuthenticator({ secret })]) },
    audit: { append: async () => newId() },
    publicUrl: `http://127.0.0.1:${ports[1]}`,
  });
  const headers = { authorization: `Bearer ${await replicaToken(secret, "ann")}` };
  const client = (port: number | undefined, path: string) =>
    httpClient({ port: port ?? 0, path, body: { message: "hi" }, headers, expected: "Hello." });
  const clients = [client(ports[0], "/"), client(ports[1], "/v1/runs/wait")] as const;
  try {
    const measured = await measure([
      { name: "the agent, bare", run: clients[0].send },
      { name: "agent server, a run with its answer", run: clients[1].send },
    ]);
    report("an agent behind HTTP, 16 connections, one thread for all", measured);
  } finally {
    for (const one of clients) one.close();
    await server.close();
    for (const one of [bare, served]) {
      one.closeAllConnections();
      one.close();
    }
    await Promise.all([plain.close(), kept.close()]);
  }
}

/** Each stream is followed at another replica than the one that runs it; a third of the runs lose theirs. */
async function streams(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "deputize-bench-"));
  const store = await openTestStore([agentMigrations, serverMigrations]);
  const secret = randomHex(32);
  const order = {
    url: store.url ?? "",
    secrets: store.secrets,
    rolePrefix: store.roleName("app").replace(/_app$/, ""),
    secret,
    effects: join(folder, "effects"),
    pieces: PIECES,
    pieceMs: PIECE_MS,
    concurrent: STREAMS,
    leaseMs: LEASE_MS,
  };
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => startReplica(order)));
  try {
    const begun = performance.now();
    let busy = 0;
    const begin = async (n: number) => {
      const bearer = await replicaToken(secret, `person-${n}`);
      const home = n % REPLICAS;
      for (;;) {
        const response = await fetch(`${replicas[home]?.url}/v1/runs`, {
          method: "POST",
          headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
          body: JSON.stringify({ message: `stream ${n}` }),
        });
        if (response.status === 503) {
          busy += 1;
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          continue;
        }
        if (response.status !== 201) throw new Error(`a run was refused: ${response.status}`);
        const { data } = (await response.json()) as { data: { run_id: string } };
        const urls = [1, 2, 3].map((step) => replicas[(home + step) % REPLICAS]?.url ?? "");
        const events = followRun({ runId: data.run_id, bearer, urls: () => urls, deadlineMs: 300_000 });
        events.catch(() => {});
        return { home, events };
      }
    };
    const following: Awaited<ReturnType<typeof begin>>[] = [];
    // So many at once as people come, and not all in one moment.
    for (let n = 0; n < STREAMS; n += BEGUN_AT_ONCE) {
      const some = Array.from({ length: Math.min(BEGUN_AT_ONCE, STREAMS - n) }, (_, at) => begin(n + at));
      following.push(...(await Promise.all(some)));
    }
    const began = performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, (PIECES * PIECE_MS) / 3));
    const killed = performance.now();
    await replicas[0]?.kill("SIGKILL");
    const all = await Promise.all(
      following.map(async ({ home, events }) => ({
        home,
        events: await events,
        after: performance.now() - killed,
      })),
    );
    print(began, busy, all);
  } finally {
    await Promise.all(replicas.map((one) => one.kill("SIGKILL")));
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Followed {
  readonly home: number;
  readonly events: readonly ToldEvent[];
  /** Until its last event, from the kill on. */
  readonly after: number;
}

function print(began: number, busy: number, all: readonly Followed[]): void {
  const ends = (status: string) =>
    all.filter(({ events }) => events.at(-1)?.data["status"] === status).length;
  const broken = all.filter(({ events }) => events.some(({ id }, at) => id !== at + 1)).length;
  const late: number[] = [];
  for (const { events } of all)
    for (const { event, data, at } of events)
      if (event === "delta")
        for (const [, said] of String(data["text"]).matchAll(/\d+@(\d+)/g)) late.push(at - Number(said));
  const sorted = late.toSorted((a, b) => a - b);
  // Each begins with its first event and ends with its last.
  const steps = all
    .flatMap(({ events }) => [
      { at: events[0]?.at ?? 0, by: 1 },
      { at: events.at(-1)?.at ?? 0, by: -1 },
    ])
    .toSorted((a, b) => a.at - b.at || a.by - b.by);
  let open = 0;
  let most = 0;
  for (const { by } of steps) most = Math.max(most, (open += by));
  const quantile = (q: number): number => sorted[Math.floor(sorted.length * q)] ?? Number.NaN;
  const lost = Math.max(
    ...all.filter(({ events }) => events.at(-1)?.data["status"] === "failed").map(({ after }) => after),
  );
  console.log(
    `\n${STREAMS} streams over ${REPLICAS} replicas, each followed at another one; one replica killed`,
  );
  console.log(`  ${STREAMS} runs begun in ${(began / 1000).toFixed(1)} s; told to come back ${busy}`);
  console.log(`  ended well ${ends("succeeded")}, failed with their replica ${ends("failed")}`);
  console.log(`  at most ${most} at one moment`);
  console.log(`  streams with a gap or a double: ${broken}`);
  console.log(
    `  pieces of text: ${late.length}; from model to client p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
  );
  console.log(
    `  last of the lost runs was told ${(lost / 1000).toFixed(1)} s after the kill (lease ${LEASE_MS / 1000} s)`,
  );
}
