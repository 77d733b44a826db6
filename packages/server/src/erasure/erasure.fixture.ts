/** For tests: an installation with every room that keeps something of persons, and people who left something in each. */
import { PostgresConversationStore, agentMigrations } from "@deputize/agent";
import { type AuditLog, createAuditLog } from "@deputize/audit";
import { type PrincipalId, hashParts, newId, systemClock } from "@deputize/core";
import { privateLabel } from "@deputize/guardrails/flow";
import { databaseSessions, mcpMigrations } from "@deputize/mcp";
import { newSigningKey } from "../../../audit/src/testing.ts";
import {
  PEOPLE,
  type PersonName,
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../../../authority/src/testing/test-authority.ts";
import { AUDIENCE, WHO } from "../../../authority/src/testing/test-core.ts";
import { serverMigrations } from "../a2a/task-store.ts";
import { postgresFileStore } from "../agent-server/files/postgres-file-store.ts";
import { postgresRunStore } from "../agent-server/runs/postgres-run-store.ts";
import { databaseKeepers } from "./database-keepers.ts";
import type { ErasePersonOptions } from "./erase-person.ts";
import type { PersonKeeper } from "./person-keeper.ts";
import { personRoutes } from "./person-routes.ts";

export interface ErasureWorld extends TestAuthority {
  readonly log: AuditLog;
  readonly keepers: () => Promise<readonly PersonKeeper[]>;
  /** Leaves something of the person in every room, each with their name in it; answers their page. */
  fill(name: PersonName): Promise<Visitor>;
  /** What `erasePerson` needs to erase somebody by Ada. */
  erasure(name: PersonName, keepers: readonly PersonKeeper[]): ErasePersonOptions;
  /** All rows of all tables, by table. */
  rows(): Promise<Map<string, readonly string[]>>;
  /** Of each table's column that says whose a row is: how many are the person's. */
  owned(name: PersonName): Promise<Map<string, number>>;
}

let sources = 0;

export async function erasureWorld(): Promise<ErasureWorld> {
  let log: AuditLog | undefined;
  const world = await openTestAuthority({
    migrations: [agentMigrations, serverMigrations, mcpMigrations],
    // Each test has a person register an agent anew, all within an hour.
    agentLimits: { registerByOwner: { points: 10_000, windowSeconds: 3_600 } },
    makeAudit: (store) => {
      log = createAuditLog({ store, signingKey: newSigningKey(), origin: "log.test/audit" });
      return log;
    },
  });
  if (!log) throw new Error("no log was made");
  const audit = log;
  const { store, people, clock } = world;
  const keepers = () => databaseKeepers({ store, people });
  world.app.route("/", personRoutes({ authority: world, keepers, audit, clock }));

  async function fillAuthenticators(id: string, name: string): Promise<void> {
    await store.ownerQuery(
      `INSERT INTO authn.api_keys (id, tenant, person, issuer, user_id, name, hash, roles, scopes, addresses, created_at, not_before, expires_at)
       VALUES ($1, 'default', $2, 'https://login.example', $3, $4, sha256($5), '{}', '{}', '{}', now(), now(), now() + interval '1 day')`,
      [newId(), id, name, `${name}'s key`, Buffer.from(name)],
    );
    await store.ownerQuery(
      "INSERT INTO authn.totp (tenant, person, secret, created_at) VALUES ('default', $1, '\\x00', now())",
      [id],
    );
    for (const into of [
      "authn.recovery_codes (tenant, person, hash) VALUES ('default', $1, sha256($2))",
      `authn.step_ups (tenant, person, session, amr, auth_time, expires_at)
       VALUES ('default', $1, sha256($2), '{otp}', now(), now() + interval '1 day')`,
    ])
      await store.ownerQuery(`INSERT INTO ${into}`, [id, Buffer.from(name)]);
    await store.ownerQuery(
      `INSERT INTO registry.agents (id, tenant, owner_id, name, url, card, kid, skills, state, registered, checked, next_check)
       VALUES ($1, 'default', $2, $3, $4, '{}', 'k', '{}', 'healthy', now(), now(), now())`,
      [newId(), id, `${name}'s agent`, `https://${name}.example/agent`],
    );
  }

  async function fill(name: PersonName): Promise<Visitor> {
    const id = idOf(name);
    const words = `${name}'s words`;
    const source = `198.51.110.${(sources += 1)}`;
    await world.permissions.grant({ person: id, agent: WHO.orders, grantedBy: idOf("ada") });
    await world.permissions.grant({ person: id, agent: WHO.support, grantedBy: idOf("ada") });
    const page = await world.signIn(name, "browser", source);
    await world.signIn(name, "api", source);
    const registered = await page.send("POST", "/agents/register", {
      agent_name: `${name}'s watcher`,
      owner_email: PEOPLE[name].email,
    });
    await world.visitor({ source }).send("POST", "/auth/login", { api_key: registered.body.api_key });
    const made = await page.send("POST", "/api/mandates", {
      agent: WHO.orders,
      purpose: `Whatever ${name} wants`,
      tools: ["orders/get_order"],
      audiences: [AUDIENCE.orderTools],
      scopes: ["read:orders:*"],
      expires: new Date(clock.nowMs() + 86_400_000).toISOString(),
    });
    if (registered.status !== 201 || made.status !== 201)
      throw new Error(JSON.stringify([registered.body, made.body]));
    const admin = await world.callerOf(await world.signIn("ada", "browser", source));
    const { id: opened } = await world.cases.open(admin, {
      subjectEmail: PEOPLE[name].email,
      purpose: `${name} asked by phone`,
      resources: ["orders"],
    });
    await world.cases.close(admin, opened);
    const { caller: deputy } = await world.deputyOf(page);
    await world.approvals.request(deputy, {
      callId: newId(),
      tool: "cancel_order",
      agent: "order-management",
      args: [{ name: "reason", value: words, source: "you" }],
      argsDigest: "a".repeat(64),
      preview: { rows: {} },
      previewDigest: "b".repeat(64),
      summary: `Cancel the order of ${name}`,
      runId: newId(),
    });
    await store.ownerQuery(
      `INSERT INTO authority.linked_grants (tenant, subject, credential, grant_id)
       SELECT 'default', $1, $2, g.id FROM authority.grants g WHERE g.subject = $1 LIMIT 1`,
      [id, Buffer.from(hashParts([name]), "hex")],
    );
    await fillAuthenticators(id, name);

    const person = await world.callerOf(page);
    const room = new PostgresConversationStore(store).open("order-management", clock);
    await room.claimTurn(person, {
      conversationId: undefined,
      mustExist: false,
      message: words,
      label: privateLabel(id, "person"),
      history: 10,
    });
    await store.asCaller(
      person,
      (tx) =>
        tx.query(
          `INSERT INTO agent.a2a_tasks (tenant, owner_id, agent, id, context_id, state, task, created, updated)
           VALUES ('default', $1, 'order-management', $2, 'c', 'TASK_STATE_COMPLETED', $3, now(), now())`,
          [id, newId(), JSON.stringify({ said: words })],
        ),
      { readOnly: false },
    );
    const files = postgresFileStore({ store, clock: systemClock });
    await files.add(person, {
      name: `${words}.txt`.slice(0, 200),
      type: "text/plain",
      bytes: Buffer.from(words),
    });
    const run = { id: newId(), replica: newId() };
    const runs = postgresRunStore({ store });
    const facts = {
      agent: "order-management",
      threadId: newId(),
      status: "queued",
      background: true,
    } as const;
    await runs.create(person, { ...run, ...facts, input: { message: words, mustExist: false } });
    await runs.write(run.replica, [
      { id: run.id, after: 0, events: [{ event: "delta", data: { text: words } }] },
    ]);
    await store.asCaller(
      person,
      (tx) =>
        tx.query(
          `INSERT INTO agent.memories (tenant, owner, id, content, act, shared, embedder, embedding, created, updated)
           VALUES ('default', $1, $2, $3, 'explicit', false, 'test', '{1}', now(), now())`,
          [id, newId(), words],
        ),
      { readOnly: false },
    );
    await store.asCaller(
      person,
      async (tx) => {
        await tx.query(
          `INSERT INTO agent.lasting_work (tenant, owner, agent, id, mandate, message, start_at, created)
           VALUES ('default', $1, 'order-management', $2, $3, $4, now(), now())`,
          [id, newId(), newId(), words],
        );
        await tx.query(
          "INSERT INTO mcp.calls_done (tenant, owner_id, call, done) VALUES ('default', $1, sha256($2), now())",
          [id, Buffer.from(words)],
        );
      },
      { readOnly: false },
    );
    await store.transaction("app", (tx) =>
      tx.query("SELECT agent.add_usage('default', $1, 'order-management', '2026-01-05', $2::jsonb, now())", [
        id,
        JSON.stringify([
          {
            kind: "turn",
            name: "",
            calls: 1,
            failed: 0,
            ms: 5,
            tokens_in: 0,
            tokens_out: 0,
            cost_micros: 0,
            unpriced: 0,
          },
        ]),
      ]),
    );
    await databaseSessions(store)
      .of({ server: "orders", caller: person, session: "one", ttlMs: 3_600_000 })
      .set("note", words);
    await audit.append({
      action: "tool.call",
      outcome: "allowed",
      tenant: "default",
      subject: id,
      args: { email: PEOPLE[name].email, said: words },
    });
    await audit.flush();
    return page;
  }

  async function tables(): Promise<readonly { schema: string; name: string }[]> {
    const { rows } = await store.ownerQuery<{ schema: string; name: string }>(
      `SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
       WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`,
    );
    return rows;
  }

  return {
    ...world,
    log: audit,
    keepers,
    fill,
    erasure: (name, used) => ({
      owner: { tenant: "default", subject: idOf(name) },
      by: { actor: idOf("ada"), tenant: "default" },
      keepers: used,
      people,
      audit,
    }),
    async rows() {
      const all = new Map<string, readonly string[]>();
      for (const { schema, name } of await tables()) {
        const { rows } = await store.ownerQuery<{ row: string }>(
          `SELECT t::text AS row FROM "${schema}"."${name}" t ORDER BY 1`,
        );
        all.set(
          `${schema}.${name}`,
          rows.map(({ row }) => row),
        );
      }
      return all;
    },
    async owned(name) {
      const { rows: columns } = await store.ownerQuery<{ table: string; column: string }>(
        `SELECT quote_ident(c.table_schema) || '.' || quote_ident(c.table_name) AS table, c.column_name AS column
         FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
         WHERE t.table_type = 'BASE TABLE' AND c.data_type = 'uuid'
           AND c.column_name IN ('owner', 'owner_id', 'person', 'person_id', 'principal_id', 'subject', 'user_id')
         ORDER BY 1, 2`,
      );
      const counts = new Map<string, number>();
      for (const { table, column } of columns) {
        const { rows } = await store.ownerQuery<{ n: number }>(
          `SELECT count(*)::int AS n FROM ${table} WHERE "${column}" = $1`,
          [idOf(name) satisfies PrincipalId],
        );
        counts.set(`${table}.${column}`, rows[0]?.n ?? 0);
      }
      return counts;
    },
    async close() {
      await audit.close();
      await world.close();
    },
  };
}
