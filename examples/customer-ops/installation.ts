/**
 * The desk in one process: database, log, authority and the tool server at one address.
 *
 * Guarantees: nobody but this machine can come in; passwords and secrets are made at the start, or read from the folder;
 * the authority's routes decide approvals and open cases, and no token that an agent holds does (SR-05).
 */
import { join } from "node:path";
import type { AgentIdentity } from "deputize/agent";
import { type AuditLog, auditMigrations } from "deputize/audit";
import { type Authority, authorityMigrations } from "deputize/authority";
import {
  type ApiKeyClient,
  type CallLogLine,
  type JwtAuth,
  type MCPServer,
  apiKeyAuth,
  jwtAuth,
} from "deputize/mcp";
import { type MigrationSet, type Store, openStore } from "deputize/store";
import { generateSecrets, loadOrCreateSecrets } from "@deputize/server/config";
import { openInstallation } from "../installation.ts";
import { customerOps, deskMigrations } from "./customer-ops.ts";
import { type IdentityOptions, linkedPeople, staffRoles } from "./identity.ts";
import { PEOPLE, type PersonName, idOf } from "./people.ts";
import { seedDesk } from "./seed.ts";

export const DESK_MIGRATIONS: readonly MigrationSet[] = [
  auditMigrations,
  authorityMigrations,
  deskMigrations,
];

export interface DeskOptions {
  /** The origin that people and agents use, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** A folder that keeps database and secrets; without one both last as long as the process. */
  readonly dataDir?: string;
  /** A database that is open, migrated with `DESK_MIGRATIONS` and seeded already. */
  readonly store?: Store;
  /** Further tables for a database that is opened here, such as an assistant's conversations. */
  readonly migrations?: readonly MigrationSet[];
  readonly log?: (line: CallLogLine) => void;
  readonly perSecond?: number;
  /** Programs with keys of their own; a client's id is the address of the person whom it stands for. */
  readonly apiKeys?: Readonly<Record<string, ApiKeyClient>>;
}

export interface Desk extends AsyncDisposable {
  readonly server: MCPServer;
  readonly authority: Authority;
  readonly audit: AuditLog;
  readonly store: Store;
  /** Signs tokens for the tool server: `sub` is a person's address, `tenant_id` their company. */
  readonly tokens: JwtAuth;
  readonly mcpUrl: string;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** What the desk's assistant is to people, who come with the token of their sign-in, and to the tools. */
  readonly assistantIdentity: AgentIdentity;
  passwordOf(name: PersonName): string;
  /** Everything that a person's token may hold: scopes, and the roles that they have. */
  tokenOf(name: PersonName): Promise<string>;
  /**
   * A person signs in at the authority, and the assistant gets a token to act for them: `person` decides and opens cases,
   * `assistant` calls tools.
   */
  signIn(name: PersonName): Promise<{ readonly person: string; readonly assistant: string }>;
}

const DESK_SCOPES = ["read:desk:*", "write:desk:*", "read:billing:*", "write:billing:*"];
export const ALL_SCOPES = "read write billing:read billing:write";
const HOUR_SECONDS = 3600;

/** Puts it together. Throws `config_invalid`. */
export async function openDesk(options: DeskOptions): Promise<Desk> {
  await using undo = new AsyncDisposableStack();
  const { url, dataDir } = options;
  const secrets =
    dataDir === undefined ? generateSecrets() : loadOrCreateSecrets(join(dataDir, "secrets.json")).secrets;
  const store =
    options.store ??
    (await openStore({
      ...(dataDir !== undefined && { dataDir: join(dataDir, "database") }),
      secrets: secrets.store,
      migrations: [...DESK_MIGRATIONS, ...(options.migrations ?? [])],
      prepare: seedDesk,
    }));
  if (!options.store) undo.defer(() => store.close());
  const installation = undo.use(
    await openInstallation({
      store,
      server: "customer-ops",
      assistant: "desk-assistant",
      origin: url,
      path: "/mcp",
      secrets,
      tokenSeconds: HOUR_SECONDS,
      assistantScopes: DESK_SCOPES,
      // To the authority, who works here is `admin`: they may open cases. What they do at the desk, `desk.staff` says.
      roles: { customer: DESK_SCOPES, admin: [...DESK_SCOPES, "open:cases:*"] },
    }),
  );
  const { authority, audit, url: mcpUrl, serverOptions } = installation;
  for (const name of Object.keys(PEOPLE) as PersonName[]) {
    const { email, name: full, tenant, roles } = PEOPLE[name];
    // Those of the other company do not sign in here; they come with tokens of their own.
    const role = roles.length > 0 ? "admin" : "customer";
    await installation.addPerson({ id: idOf(name), email, name: full, role, tenant });
  }

  const tokens = jwtAuth({ secret: installation.derive("tokens of our own"), audience: mcpUrl });
  const identity: IdentityOptions = { store, authority, audience: mcpUrl };
  const server = customerOps({
    auth: [
      linkedPeople(tokens, identity),
      ...(options.apiKeys ? [linkedPeople(apiKeyAuth({ keys: options.apiKeys }), identity)] : []),
      staffRoles(serverOptions.auth, identity),
    ],
    store,
    audit,
    approvals: authority.approvals,
    cases: authority.cases,
    ephemeral: serverOptions.ephemeral,
    url: mcpUrl,
    agentName: "desk-assistant",
    ...(options.log && { log: options.log }),
    ...(options.perSecond !== undefined && { perSecond: options.perSecond }),
  });
  undo.defer(() => server.close());

  installation.serve(server);
  await audit.start();

  const kept = undo.move();
  return {
    server,
    authority,
    audit,
    store,
    tokens,
    mcpUrl,
    fetch: (request) => installation.fetch(request),
    assistantIdentity: installation.assistantIdentity,
    passwordOf: (name) => installation.passwordOf(idOf(name)),
    tokenOf: (name) => {
      const { email: sub, roles, tenant: tenant_id } = PEOPLE[name];
      return tokens.createToken(
        { sub, roles, tenant_id, scope: ALL_SCOPES },
        { expiresIn: 12 * HOUR_SECONDS },
      );
    },
    async signIn(name) {
      const signedIn = await installation.signIn(idOf(name));
      return { person: signedIn.token, assistant: await signedIn.assistantToken() };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
