/** What is another's answers as what is not there: by every route with an id, and by every key of every table. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isDeputizeError, newId, randomHex } from "@deputize/core";
import { type AgentsWorld, openAgentsWorld } from "../testing/agents-world.ts";
import { type TestBroker, openTestBroker } from "../testing/test-broker.ts";
import { AUDIENCE, WHO } from "../testing/test-core.ts";
import { AUTHORITY_ROUTES } from "./route-table.ts";

let the: AgentsWorld;
let broker: TestBroker;
beforeAll(async () => {
  the = await openAgentsWorld();
  broker = await openTestBroker();
});
afterAll(async () => {
  await the.close();
  await broker.close();
});

/** Bodies that each route takes, so that the answer is about the id and not about the body. */
const BODIES: Record<string, unknown> = {
  "PATCH /agents/{id}": { status: "suspended" },
  "PUT /agents/{id}/permissions": { permissions: ["read_weather"] },
  "POST /agents/{id}/permissions": { permission: "read_weather" },
  "POST /agents/{id}/keys": {},
  "POST /agents/{id}/keys/{key}/rotate": {},
  "POST /api/approvals/{id}/decide": { decision: "approve" },
};

describe("existing and absent answer alike [SR-23]", () => {
  it("at every route with an id, to whoever it does not belong to", async () => {
    // Alice's agent, key, session and case; Bob asks.
    const made = await the.alice.send("POST", "/agents/register", {
      agent_name: "Hers",
      owner_email: "alice@example.com",
    });
    expect(made.status).toBe(201);
    const sessions = await the.alice.send("GET", "/api/sessions");
    const session = (sessions.body["sessions"] as { id: string }[])[0]?.id ?? "";
    const opened = await the.ada.send("POST", "/api/cases", {
      subject_email: "alice@example.com",
      purpose: "a parcel is lost",
      resources: ["orders"],
    });
    const theirs: Record<string, string[]> = {
      agents: [made.body.agent_id],
      sessions: [session],
      cases: [opened.body.id].filter((id) => id !== undefined),
    };
    const mandate = await the.alice.send("POST", "/api/mandates", {
      agent: WHO.orders,
      purpose: "look after parcels",
      tools: ["orders/get_order"],
      audiences: [AUDIENCE.orderTools],
      scopes: ["read:orders:*"],
      expires: new Date(the.world.clock.nowMs() + 3_600_000).toISOString(),
    });
    expect(mandate.status).toBe(201);
    theirs["mandates"] = [mandate.body.id];
    const bob = await the.world.signIn("bob", "api", the.source());
    const routes = AUTHORITY_ROUTES.filter(
      ({ path, access }) => path.includes("{id}") && access !== "public",
    );
    expect(routes.length).toBeGreaterThan(15);
    let compared = 0;
    for (const { method, path } of routes) {
      const kind = path.split("/").find((part) => part in theirs);
      for (const existing of kind === undefined ? [] : (theirs[kind] ?? [])) {
        const ask = async (id: string, key: string) => {
          const filled = path
            .replace("{id}", id)
            .replace("{key}", key)
            .replace("{permission}", "read:weather:*")
            .replace("{role}", "reporter");
          const { status, body, headers } = await bob.send(method, filled, BODIES[`${method} ${path}`], {
            "x-test-source": the.source(),
          });
          const { request_id: _id, instance: _path, ...rest } = body;
          return { status, rest, challenge: headers.get("www-authenticate") };
        };
        const [found, absent] = [await ask(existing, made.body.key_id), await ask(newId(), newId())];
        expect(found, `${method} ${path}`).toEqual(absent);
        expect(found.status, `${method} ${path}`).toBeGreaterThanOrEqual(400);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(12);
    // And nothing happened to it.
    const after = await the.alice.send("GET", `/agents/${made.body.agent_id}`);
    expect(after.body).toMatchObject({ agent_name: "Hers", status: "active" });
  });

  it("to an app that names another app's worker, task or launch token", async () => {
    const [mine, other] = [await broker.app(), await broker.app()];
    const me = await broker.worker(mine, { task: "shared" });
    const foreign = await broker.worker(other, { task: "shared" });
    const absent = `spiffe://agentwrit.local/agent/orch/shared/${randomHex(8)}`;
    const answer = async (work: () => Promise<unknown>): Promise<object> => {
      try {
        return { done: await work() };
      } catch (error) {
        if (!isDeputizeError(error)) throw error;
        const { code, message, detail } = error;
        return { code, message, detail };
      }
    };
    const delegate = (delegateTo: string, jti?: string) => () =>
      broker.broker.workers.delegate(me.caller, {
        delegateTo,
        scope: ["read:data:*"],
        ...(jti !== undefined && { jti, signature: "A".repeat(86) + "==" }),
      });
    expect(await answer(delegate(foreign.agentId))).toEqual(await answer(delegate(absent)));
    // Registering for a task or orchestration that another app uses tells nothing of it.
    const again = await broker.worker(mine, { task: "shared" });
    expect(again.agentId).not.toBe(foreign.agentId);
    const launch = await broker.registration(other);
    const wrong = { ...launch, signature: "A".repeat(86) + "==" };
    const unknown = { ...wrong, launchToken: randomHex(32) };
    const register = (request: typeof launch) => () => broker.broker.workers.register(request);
    expect(((await answer(register(wrong))) as { code?: string }).code).toBe(
      ((await answer(register(unknown))) as { code?: string }).code,
    );
    // The jti of a live token, chosen again, is no way to learn of it.
    const taken = await answer(delegate(again.agentId, foreign.caller.jti));
    const free = await answer(delegate(again.agentId, randomHex(16)));
    expect(taken).toEqual(free);
  });

  it("by every unique key: it holds the tenant, or only what nobody can guess", async () => {
    const { rows } = await broker.store.ownerQuery<{
      key: string;
      columns: string[];
      types: string[];
      has_tenant: boolean;
    }>(
      `SELECT c.relname || '.' || i.relname AS key, array_agg(a.attname::text ORDER BY k.n) AS columns,
         array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY k.n) AS types,
         EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant') AS has_tenant
       FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
         JOIN pg_namespace s ON s.oid = c.relnamespace, unnest(x.indkey) WITH ORDINALITY k(attnum, n)
         JOIN pg_attribute a ON a.attnum = k.attnum
       WHERE x.indisunique AND a.attrelid = c.oid AND s.nspname = 'authority' GROUP BY c.oid, c.relname, i.relname`,
    );
    expect(rows.length).toBeGreaterThan(20);
    const guessable = rows.filter(
      ({ columns, types, has_tenant }) =>
        has_tenant && !columns.includes("tenant") && !types.some((type) => ["uuid", "bytea"].includes(type)),
    );
    // Both end in random digits that the authority chooses; an app signs in by its client id before its tenant is known.
    const madeHere = ["apps.apps_app_id_key", "apps.apps_client_id_key"];
    expect(
      guessable
        .filter(({ key }) => !madeHere.includes(key))
        .map(({ key, columns }) => `${key} (${columns.join()})`),
    ).toEqual([]);
  });

  it("by every foreign key between rows of tenants: it holds the tenant on both sides", async () => {
    const { rows } = await broker.store.ownerQuery<{ name: string }>(
      `SELECT f.conrelid::regclass || '.' || f.conname AS name FROM pg_constraint f JOIN pg_namespace s ON s.oid = f.connamespace
       WHERE f.contype = 'f' AND s.nspname = 'authority'
         AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = f.conrelid AND t.attname = 'tenant')
         AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = f.confrelid AND t.attname = 'tenant')
         AND NOT EXISTS (SELECT FROM unnest(f.conkey) k JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k WHERE a.attname = 'tenant')`,
    );
    expect(rows.map(({ name }) => name)).toEqual([]);
  });

  it("of a person who is not there, permits and owners answer as of one who is another's", async () => {
    const bob = await the.world.signIn("bob", "api", the.source());
    const ask = async (email: string) => {
      const { status, body } = await bob.send(
        "POST",
        "/agents/register",
        { agent_name: "Spy", owner_email: email },
        { "x-test-source": the.source() },
      );
      const { request_id: _id, instance: _path, ...rest } = body;
      return { status, rest };
    };
    expect(await ask("alice@example.com")).toEqual(await ask("nobody@example.com"));
  });
});
