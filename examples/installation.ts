/**
 * An installation around one tool server, in one process: the authority, the audit log, and an assistant that people may
 * send to the tools.
 *
 * Guarantees: nothing is left out for being an example. People sign in with a password; the assistant's token is exchanged
 * from their session, for this one tool server and minutes; a yes is given at that session, and by nobody else.
 * Does not: listen on a port. Every request goes through the same doors in memory; `fetch` can be put on one.
 */
import { createHmac } from "node:crypto";
import { Hono } from "hono";
import { type AgentIdentity, authorityIdentity } from "@deputize/agent";
import { type AuditLog, createAuditLog } from "@deputize/audit";
import { type Authority, type AuthorityPolicy, type Role, createAuthority } from "@deputize/authority";
import { createVerifier, problemHandler, requestContext } from "@deputize/client";
import { type Caller, DeputizeError, type PrincipalId, stableId } from "@deputize/core";
import {
  type Authenticator,
  type MCPServer,
  type MCPServerOptions,
  authorityApprovals,
  authorityAuth,
} from "@deputize/mcp";
import { type Secrets, generateSecrets, tokenKeys } from "@deputize/server/config";
import { type Ephemeral, type Store, openEphemeral } from "@deputize/store";

const ORIGIN = "http://localhost:3000";

export interface InstallationOptions {
  /** A database that holds the authority's and the log's tables. Stays open. */
  readonly store: Store;
  /** The tool server's name. */
  readonly server: string;
  /** What people and agents use; `http://localhost:3000` unless told. */
  readonly origin?: string;
  /** Where the tool server is at the origin; `/mcp/` and its name unless told. */
  readonly path?: string;
  /** Made at the start, unless they are kept. */
  readonly secrets?: Secrets;
  /** How long the assistant's tokens live; five minutes unless told. */
  readonly tokenSeconds?: number;
  /** The agent through which people use the tools. */
  readonly assistant: string;
  /** What the assistant asks for; all that the person may do unless told. */
  readonly assistantScopes?: readonly string[];
  /** What each role may do. */
  readonly roles: AuthorityPolicy["roles"];
}

export interface NewPerson {
  readonly id: PrincipalId;
  readonly email: string;
  readonly name: string;
  readonly role?: Role;
  /** Only people of the authority's own tenant, which is meant unless told, sign in. */
  readonly tenant?: string;
}

/** A person at a session of their own. */
export interface SignedInPerson {
  /** The person's own, which decides and opens cases. */
  readonly token: string;
  /** A fresh token with which the assistant acts for the person at the tool server. */
  assistantToken(): Promise<string>;
  /** The person's own decision, at their session. Throws what the authority answers. */
  decide(approvalId: string, decision: "approve" | "refuse"): Promise<void>;
}

export interface Installation extends AsyncDisposable {
  readonly authority: Authority;
  readonly audit: AuditLog;
  /** The tool server's address, which is its audience. */
  readonly url: string;
  /** A secret of its own for each use, which lasts as long as the installation's. */
  derive(use: string): string;
  /** The authority's routes, and the tool server's once it is named by `serve`. */
  fetch(request: Request): Response | Promise<Response>;
  serve(server: Pick<MCPServer, "fetch">): void;
  /** What a server behind this authority is made of. */
  readonly serverOptions: Pick<MCPServerOptions, "approvals"> & {
    readonly auth: Authenticator;
    readonly audit: AuditLog;
    readonly ephemeral: Ephemeral;
    readonly url: string;
    readonly store: Store;
    readonly name: string;
  };
  /** What the assistant is to people and to the tool server, when its model works in this process. */
  readonly assistantIdentity: AgentIdentity;
  /** Makes an account with a password, and permits the assistant to act for the person. Idempotent. */
  addPerson(person: NewPerson): Promise<void>;
  /** What a person who was added here signs in with. */
  passwordOf(id: PrincipalId): string;
  /** The person of a session, as the API has them. */
  callerOf(person: Pick<SignedInPerson, "token">): Promise<Caller>;
  /** Throws `not_found` for somebody who was not added here, or is of another tenant. */
  signIn(id: PrincipalId): Promise<SignedInPerson>;
}

/** Throws `config_invalid`. */
export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const { store, server, assistant, roles, origin = ORIGIN, path = `/mcp/${server}` } = options;
  const { secrets = generateSecrets(), tokenSeconds = 300, assistantScopes } = options;
  const url = `${origin}${path}`;
  const derive = (use: string): string =>
    createHmac("sha256", Buffer.from(secrets.agentRoot, "hex")).update(use).digest("hex");
  const who = {
    api: stableId("service:desk-api") as PrincipalId,
    tools: stableId(`service:mcp-${server}`) as PrincipalId,
    assistant: stableId(`agent:${assistant}`) as PrincipalId,
  };
  await using undo = new AsyncDisposableStack();
  const ephemeral = await openEphemeral();
  undo.defer(() => ephemeral.close());
  const audit = createAuditLog({ store, signingKey: secrets.auditKey, origin: `${server}.example/audit` });
  undo.defer(() => audit.close());
  const authority = await createAuthority({
    store,
    audit,
    ephemeral,
    issuer: origin,
    secrets: { signingKeys: tokenKeys(secrets), rootSecret: Buffer.from(secrets.authorityRoot, "hex") },
    policy: {
      roles,
      audiences: {
        [origin]: { kind: "api", principal: who.api },
        [url]: { kind: "tool", principal: who.tools },
      },
      edges: { [who.assistant]: [url] },
    },
    lifetimes: { workerSeconds: tokenSeconds },
    sourceOf: () => "this process",
  });
  undo.defer(() => authority.close());
  await authority.agents.ensureBuiltIn(assistant, derive(assistant));
  for (const name of ["desk-api", `mcp-${server}`])
    await authority.agents.ensureBuiltIn(name, derive(name), "service");

  const app = new Hono();
  problemHandler(app);
  app.use(requestContext({ allowedHosts: [new URL(origin).host] }));
  let tools: Pick<MCPServer, "fetch"> | undefined;
  const toTools = (c: { req: { raw: Request }; notFound(): Response | Promise<Response> }) =>
    tools ? tools.fetch(c.req.raw) : c.notFound();
  app.all(path, toTools);
  app.get(`/.well-known/oauth-protected-resource${path}`, toTools);
  app.route("/", authority.routes);
  const verifier = await createVerifier({
    issuer: origin,
    authorityUrl: origin,
    fetch: async (input, init) => app.fetch(new Request(input, init)),
  });
  undo.defer(() => verifier.close());

  const accounts = new Map<PrincipalId, { readonly email: string; readonly password: string }>();
  const passwordOf = (id: PrincipalId): string => derive(`password:${id}`).slice(0, 20);
  const kept = undo.move();
  return {
    authority,
    audit,
    url,
    derive,
    fetch: (request) => app.fetch(request),
    serve: (toolServer) => void (tools = toolServer),
    passwordOf,
    serverOptions: {
      name: server,
      url,
      store,
      audit,
      ephemeral,
      auth: authorityAuth({ verifier, audience: url, issuer: origin }),
      approvals: authorityApprovals(authority.approvals, {
        nameOf: (id) => (id === who.assistant ? assistant : undefined),
      }),
    },
    assistantIdentity: authorityIdentity({
      authority,
      audience: origin,
      exchanger: who.api,
      agent: who.assistant,
      lifetimeSeconds: tokenSeconds,
      ...(assistantScopes && { scopes: assistantScopes }),
    }),
    async addPerson({ id, email, name, role = "customer", tenant = "default" }) {
      if (accounts.has(id)) return;
      if (tenant !== "default") return authority.people.create({ id, name, role, email, tenant });
      const account = { email, password: passwordOf(id) };
      await authority.people.create({ id, name, role, ...account });
      await authority.permissions.grant({ person: id, agent: who.assistant, grantedBy: id });
      accounts.set(id, account);
    },
    callerOf: ({ token }) =>
      authority.authenticate(new Request(origin, { headers: { authorization: `Bearer ${token}` } })),
    async signIn(id) {
      const account = accounts.get(id);
      if (!account) throw new DeputizeError("not_found", "this person has no account here");
      // Each at a place of their own, so that many people who sign in here are not taken for one who guesses.
      const signedIn = await authority.sessions.signIn({ ...account, client: "api", source: id });
      const token = signedIn.tokens?.accessToken ?? "";
      const authorization = `Bearer ${token}`;
      const caller = await authority.authenticate(new Request(origin, { headers: { authorization } }));
      return {
        token,
        async assistantToken() {
          const exchanged = await authority.exchange.caller(caller, {
            exchanger: who.api,
            actor: who.assistant,
            audiences: [url],
            lifetimeSeconds: tokenSeconds,
            ...(assistantScopes && { scopes: assistantScopes }),
          });
          return exchanged.token;
        },
        async decide(approvalId, decision) {
          const response = await app.request(`${origin}/api/approvals/${approvalId}/decide`, {
            method: "POST",
            headers: { authorization, "content-type": "application/json", host: new URL(origin).host },
            body: JSON.stringify({ decision }),
          });
          if (response.ok) return;
          const problem = (await response.json()) as { code: DeputizeError["code"]; detail: string };
          throw new DeputizeError(problem.code, problem.detail);
        },
      };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
