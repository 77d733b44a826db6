/**
 * A world for the tests of this room: a real store with two people's notes, a real audit log, approvals in a table
 * of the same database, and callers that sign in by name.
 */
import { generateKeyPairSync } from "node:crypto";
import { type AuditEvent, type AuditLog, auditMigrations, createAuditLog } from "@deputize/audit";
import { type Caller, DeputizeError, type PrincipalId, newId, stableId } from "@deputize/core";
import type { MigrationSet } from "@deputize/store";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import {
  type ApprovalGate,
  type ApprovalUse,
  type Authenticator,
  MCPServer,
  type MCPServerOptions,
  TestClient,
  bearerToken,
  mcpMigrations,
} from "../src/index.ts";

const notesMigrations: MigrationSet = { name: "notes", directory: new URL("./migrations/", import.meta.url) };

export const person = (name: string): PrincipalId => stableId(`user:${name}@example.com`) as PrincipalId;
export const NOTE = {
  alice: stableId("note:alice"),
  alice2: stableId("note:alice2"),
  bob: stableId("note:bob"),
};

/** `alice`, `alice+admin` (with a role), `alice/read:notes:*` (with a scope), `alice@agent` (through an agent). */
export function callerNamed(spec: string): Caller {
  const [, name = "", role, agent, scopes] =
    /^([a-z]+)(?:\+([a-z]+))?(?:@([a-z]+))?(?:\/(.*))?$/.exec(spec) ?? [];
  if (!name) throw new DeputizeError("invalid_token", "no such test caller");
  return {
    tenant: "default",
    subject: person(name),
    subjectKind: "user",
    actors: agent ? [stableId(`agent:${agent}`) as PrincipalId] : [],
    roles: role ? [role] : [],
    scopes: scopes ? scopes.split(",") : [],
    grants: [],
    clientId: "test-client",
  };
}

/** The token is base64url of the caller's spec: enough where tokens are not what is tested. */
export const testAuth: Authenticator = {
  name: "test",
  authenticate: async (request) => callerNamed(Buffer.from(bearerToken(request), "base64url").toString()),
};

export const tokenOf = (spec: string): string => Buffer.from(spec).toString("base64url");

export const clientOf = (server: MCPServer, spec: string): TestClient =>
  new TestClient(server, { token: tokenOf(spec) });

export interface World {
  readonly store: TestStore;
  readonly audit: AuditLog;
  /** Everything that was logged, in order. */
  readonly events: (AuditEvent & { id: string })[];
  readonly approvals: ApprovalGate;
  server(options?: Partial<MCPServerOptions>): MCPServer;
  decide(id: string, status: "approved" | "rejected"): Promise<void>;
  notes(): Promise<{ id: string; body: string; version: number }[]>;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const store = await openTestStore([auditMigrations, mcpMigrations, notesMigrations]);
  const signingKey = generateKeyPairSync("ed25519")
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
  const log = createAuditLog({ store, signingKey, origin: "mcp.test/audit" });
  const events: World["events"] = [];
  const audit: AuditLog = {
    ...log,
    append: async (event) => {
      const id = await log.append(event);
      events.push({ ...event, id });
      return id;
    },
    record: async (tx, event) => {
      const id = await log.record(tx, event);
      events.push({ ...event, id });
      return id;
    },
  };
  for (const [name, id] of Object.entries(NOTE)) {
    const owner = person(name.replace(/\d/, ""));
    await store.ownerQuery("INSERT INTO notes.note (id, user_id, body) VALUES ($1, $2, $3)", [
      id,
      owner,
      `note of ${name}`,
    ]);
  }
  const approvals = approvalsIn(store);
  return {
    store,
    audit,
    events,
    approvals,
    server: (options) =>
      new MCPServer({ name: "notes", auth: testAuth, store, audit, approvals, ...options }),
    decide: async (id, status) => {
      await store.ownerQuery("UPDATE notes.approval SET status = $2 WHERE id = $1", [id, status]);
    },
    notes: async () =>
      (
        await store.ownerQuery<{ id: string; body: string; version: number }>(
          "SELECT id, body, version FROM notes.note ORDER BY id",
        )
      ).rows,
    close: async () => {
      await log.close();
      await store.close();
    },
  };
}

/** What a yes is bound to. */
const FITS = `id = $1 AND subject = $2 AND call_id = $3 AND tool = $4 AND args_digest = $5 AND preview_digest = $6
  AND run_id IS NOT DISTINCT FROM $7 AND status = 'approved'`;
const boundTo = (caller: Caller, use: ApprovalUse): unknown[] => [
  use.approvalId,
  caller.subject,
  use.callId,
  use.tool,
  use.argsDigest,
  use.previewDigest,
  use.runId ?? null,
];

/** The gate's contract over a table, so that spending an approval rolls back with the effect. */
function approvalsIn(store: TestStore): ApprovalGate {
  return {
    request: async (caller, request) => {
      const id = newId();
      await store.asCaller(
        caller,
        (tx) =>
          tx.query(
            "INSERT INTO notes.approval (id, subject, call_id, tool, args_digest, preview_digest, run_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
              id,
              caller.subject,
              request.callId,
              request.tool,
              request.argsDigest,
              request.previewDigest,
              request.runId ?? null,
            ],
          ),
        { readOnly: false },
      );
      return { id, expiresAt: "2030-01-01T00:00:00.000Z" };
    },
    consume: async (tx, caller, use) => {
      const { rowCount } = await tx.query(
        `UPDATE notes.approval SET status = 'executed' WHERE ${FITS}`,
        boundTo(caller, use),
      );
      if (rowCount !== 1) throw new DeputizeError("approval_invalid", "there is no such approval to spend");
    },
    fits: async (caller, use) =>
      (await store.ownerQuery(`SELECT FROM notes.approval WHERE ${FITS}`, boundTo(caller, use))).rows
        .length === 1,
    stillApproved: async (caller, id) => {
      const { rows } = await store.ownerQuery(
        "SELECT FROM notes.approval WHERE id = $1 AND subject = $2 AND status = 'approved'",
        [id, caller.subject],
      );
      return rows.length === 1;
    },
  };
}
