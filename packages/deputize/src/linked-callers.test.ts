/** Callers of other issuers on grants of the authority: a tool server with two of them and a key, over a real store. */
import { generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { auditMigrations, createAuditLog } from "@deputize/audit";
import {
  type Authority,
  type PrivateJwk,
  authorityMigrations,
  createAuthority,
  linkedCallers,
} from "@deputize/authority";
import { type PrincipalId, randomHex, stableId, systemClock } from "@deputize/core";
import {
  type JwtAuth,
  MCPServer,
  META,
  TestClient,
  apiKeyAuth,
  asymmetricJwtAuth,
  externalSubject,
  jwtAuth,
  requireAuth,
} from "@deputize/mcp";
import { type TestStore, openTestEphemeral, openTestStore } from "@deputize/store/testing";

const ORIGIN = "http://localhost:3000";
const AUDIENCE = `${ORIGIN}/mcp/desk`;
const KEY = randomHex(32);
const ISSUERS = { one: "https://one.example", two: "https://two.example" } as const;
type IssuerName = keyof typeof ISSUERS;

let store: TestStore;
let authority: Authority;
let server: MCPServer;
let auths: Record<IssuerName, JwtAuth>;
let close: (() => Promise<void>) | undefined;
const COMPANY = { issuer: "https://login.example", ...generateKeyPairSync("rsa", { modulusLength: 2048 }) };
const ada = externalSubject(ISSUERS.one, "ada");
const otherAda = externalSubject(ISSUERS.two, "ada");
const robot = externalSubject("urn:deputize:api-keys", "robot");

beforeAll(async () => {
  store = await openTestStore([auditMigrations, authorityMigrations]);
  const ephemeral = await openTestEphemeral();
  const ed25519 = (): PrivateJwk =>
    ({ ...generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }) }) as unknown as PrivateJwk;
  const { privateKey } = generateKeyPairSync("ed25519");
  const audit = createAuditLog({
    store,
    signingKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    origin: "x",
  });
  authority = await createAuthority({
    store,
    audit,
    ephemeral,
    issuer: ORIGIN,
    secrets: { signingKeys: [ed25519()], rootSecret: Buffer.from(randomHex(32), "hex") },
    policy: {
      roles: { customer: [] },
      audiences: { [ORIGIN]: { kind: "api", principal: stableId("service:api") as PrincipalId } },
      edges: {},
    },
    sourceOf: () => "here",
  });
  for (const [id, email] of [
    [ada, "ada@one.example"],
    [robot, "robot@keys.example"],
    [externalSubject(COMPANY.issuer, "ada"), "ada@company.example"],
  ] as const)
    await authority.people.create({ id, email, name: "Ada", role: "customer" });
  const issuer = (name: IssuerName) =>
    jwtAuth({ secret: randomHex(32), audience: AUDIENCE, issuer: ISSUERS[name] });
  auths = { one: issuer("one"), two: issuer("two") };
  server = newServer();
  close = async () => {
    await authority.close();
    await audit.close();
    await ephemeral.close();
    await store.close();
  };

  function newServer(): MCPServer {
    const options = { store: counted(), authority, audience: AUDIENCE, scopes: { write: "write:desk:*" } };
    const keys = apiKeyAuth({
      keys: { [KEY]: { clientId: "robot", roles: ["support"], scopes: ["write"] } },
    });
    const rolesOf = () => ["support", "owner"];
    const company = asymmetricJwtAuth({
      publicKeyPem: COMPANY.publicKey.export({ type: "spki", format: "pem" }).toString(),
      algorithms: ["RS256"],
      issuer: COMPANY.issuer,
      audience: AUDIENCE,
      roles: { allow: ["support"] },
    });
    const made = new MCPServer({
      name: "desk",
      url: AUDIENCE,
      store,
      audit,
      approvals: {
        request: () => Promise.reject(new Error("nobody")),
        consume: () => Promise.reject(new Error("nobody")),
      },
      auth: [
        linkedCallers(auths.one, { ...options, rolesOf }),
        linkedCallers(auths.two, options),
        linkedCallers(keys, options),
        linkedCallers(company, { ...options, rolesOf: () => ["support", "admin"] }),
      ],
    });
    made.tool(
      "who",
      { description: "Who", effect: "read", guards: [requireAuth()] },
      (_args, { caller }) => ({
        subject: caller.subject,
        roles: caller.roles,
        grants: caller.grants,
      }),
    );
    made.tool(
      "note",
      { description: "Writes", effect: "write", guards: [requireAuth()] },
      async (_args, { db }) => {
        await beforeWrite();
        await db.write((tx) => tx.query("SELECT 1"));
        return { done: true };
      },
    );
    restart = newServer;
    return made;
  }
});
let restart: () => MCPServer;
let beforeWrite: () => Promise<unknown> = async () => {};
let looked = 0;

/** The store, counting what is asked of the authority's tables through it. */
function counted(): TestStore {
  const pool: TestStore["pool"] = (role) => {
    looked += 1;
    return store.pool(role);
  };
  return { ...store, pool };
}
afterAll(() => close?.());

const TRUSTED = { [META.context]: { integrity: "trusted" } };
const tokenOf = (name: IssuerName, claims: object = {}) =>
  auths[name].createToken({ sub: "ada", roles: ["support"], scope: "write", ...claims });
const client = (token: string, at = server) => new TestClient(at, { token });
const status = async (who: TestClient): Promise<number> => (await who.send("tools/list")).status;
const who = async (asked: TestClient) =>
  (await asked.callTool("who")).structuredContent as {
    subject: PrincipalId;
    roles: string[];
    grants: string[];
  };
const revoke = (grant: string) =>
  store.transaction("authority", (tx) =>
    authority.grants.revoke(tx, { tenant: "default", id: grant as never }, "test"),
  );

it("the same sub of two issuers is two subjects, and one that is nobody here is 401 [SR-09]", async () => {
  expect((await who(client(await tokenOf("one")))).subject).toBe(ada);
  expect(await status(client(await tokenOf("two")))).toBe(401);
  await authority.people.create({ id: otherAda, email: "ada@two.example", name: "Ada", role: "customer" });
  expect((await who(client(await tokenOf("two")))).subject).toBe(otherAda);
});

it("every caller can write, on a root grant of its own that ends with the token, keys included [SR-09] [SR-13]", async () => {
  const token = await auths.one.createToken({ sub: "ada", scope: "write" }, { expiresIn: 90 });
  const keyed = new TestClient(server, { headers: { "x-api-key": KEY } });
  for (const one of [client(token), keyed])
    expect((await one.callTool("note", {}, TRUSTED)).structuredContent).toEqual({ done: true });
  const { grants } = await who(client(token));
  const { rows } = await store.ownerQuery(
    `SELECT subject, actor, depth, scopes, audiences, expires_at <= issued_at + interval '90 seconds' AS ends
     FROM authority.grants WHERE id = $1`,
    [grants[0]],
  );
  expect(rows).toEqual([
    { subject: ada, actor: ada, depth: 0, scopes: ["write:desk:*"], audiences: [AUDIENCE], ends: true },
  ]);
  expect((await who(keyed)).subject).toBe(robot);
});

it("one credential has one grant, at once and again after a restart [SR-13]", async () => {
  const token = await tokenOf("one");
  const seen = await Promise.all([1, 2, 3].map(() => who(client(token))));
  seen.push(await who(client(token, restart())));
  expect(new Set(seen.map(({ grants }) => grants.join())).size).toBe(1);
});

it("is looked up once for each credential, and asked about on each use [SR-13]", async () => {
  const token = await tokenOf("one");
  const replicas = [server, restart()];
  const [{ grants } = { grants: [] }] = await Promise.all(replicas.map((at) => who(client(token, at))));
  looked = 0;
  for (let n = 0; n < 5; n += 1)
    expect(await Promise.all(replicas.map((at) => status(client(token, at))))).toEqual([200, 200]);
  expect(looked).toBe(0);
  // Another's end costs nothing; its own counts with the next request, at each replica.
  const { grants: others } = await who(client(await tokenOf("one")));
  looked = 0;
  await revoke(others[0] ?? "");
  expect(await status(client(token))).toBe(200);
  expect(looked).toBe(0);
  await revoke(grants[0] ?? "");
  expect(await Promise.all(replicas.map((at) => status(client(token, at))))).toEqual([401, 401]);
});

it("is forgotten after its credential has ended by itself, and not before", async () => {
  const token = await auths.one.createToken({ sub: "ada", scope: "write" }, { expiresIn: 90 });
  const { grants } = await who(client(token));
  const { grants: keyed } = await who(new TestClient(server, { headers: { "x-api-key": KEY } }));
  const links = async () =>
    (
      await store.ownerQuery<{ grant_id: string }>(
        "SELECT grant_id FROM authority.linked_grants WHERE grant_id = ANY ($1)",
        [[grants[0], keyed[0]]],
      )
    ).rows.map(({ grant_id }) => grant_id);
  const prune = () => store.pool("authority").query("SELECT authority.prune_links('infinity', 500)");
  await prune();
  expect(await links()).toHaveLength(2);
  await store.ownerQuery(
    `UPDATE authority.linked_grants SET credential_ends = credential_ends - interval '8 days' WHERE grant_id = ANY ($1)`,
    [[grants[0], keyed[0]]],
  );
  await prune();
  expect(await links()).toEqual([keyed[0]]);
});

it("a grant taken back ends the credential for reads and writes, also after a restart; another token goes on [SR-13]", async () => {
  const token = await tokenOf("one");
  const { grants } = await who(client(token));
  await revoke(grants[0] ?? "");
  for (const at of [server, restart()]) expect(await status(client(token, at))).toBe(401);
  expect(await status(client(await tokenOf("one")))).toBe(200);
});

it("a grant that is taken back in the middle of a call stops its effect [SR-13]", async () => {
  const token = await tokenOf("one");
  const { grants } = await who(client(token));
  beforeWrite = () => revoke(grants[0] ?? "");
  const { structuredContent } = await client(token).callTool("note", {}, TRUSTED);
  beforeWrite = async () => {};
  expect(structuredContent).toMatchObject({ error: { code: "grant_revoked" } });
});

it("roles are what was let through, or fewer, never more [SR-09]", async () => {
  expect((await who(client(await tokenOf("one", { roles: ["support", "admin"] })))).roles).toEqual([
    "support",
  ]);
  expect((await who(client(await tokenOf("one", { roles: [] })))).roles).toEqual([]);
  // The issuer's list lets `support` through, and nothing here gives `admin` back.
  expect((await who(client(companyToken(["support", "admin"])))).roles).toEqual(["support"]);
});

function companyToken(roles: readonly string[]): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(systemClock.nowMs() / 1000) + 600;
  const payload = { iss: COMPANY.issuer, aud: AUDIENCE, sub: "ada", exp, roles };
  const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part(payload)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), COMPANY.privateKey).toString("base64url")}`;
}

it("who acts for somebody by an outside token is 401 [SR-09]", async () => {
  const token = await tokenOf("one", { act: { sub: "bot" } });
  expect(await status(client(token))).toBe(401);
});

it("a suspended person is 401 with every token, and stays so with the old ones [SR-12]", async () => {
  const token = await tokenOf("one");
  expect(await status(client(token))).toBe(200);
  const by = { actor: robot, tenant: "default" };
  await authority.people.deactivate(ada, by);
  for (const one of [token, await tokenOf("one")]) expect(await status(client(one))).toBe(401);
  await authority.people.reactivate(ada, by);
  expect(await status(client(token))).toBe(401);
  expect(await status(client(await tokenOf("one")))).toBe(200);
});

it("a key that was taken back stays so when its grant is long forgotten, and holds up no forgetting [SR-09]", async () => {
  const keyed = new TestClient(server, { headers: { "x-api-key": KEY } });
  const { grants } = await who(keyed);
  await revoke(grants[0] ?? "");
  await store.asOwner(async (owner) => {
    await owner.query("ALTER TABLE authority.grants DISABLE TRIGGER guard_grant");
    await owner.query(
      `UPDATE authority.grants SET issued_at = issued_at - interval '2 years', expires_at = expires_at - interval '2 years',
         renew_until = renew_until - interval '2 years', revoked_at = revoked_at - interval '2 years' WHERE id = $1`,
      [grants[0]],
    );
    await owner.query("ALTER TABLE authority.grants ENABLE TRIGGER guard_grant");
  });
  await store.pool("authority").query("SELECT authority.prune_grants(now(), 500)");
  expect((await store.ownerQuery("SELECT FROM authority.grants WHERE id = $1", [grants[0]])).rows).toEqual(
    [],
  );
  for (const at of [server, restart()])
    expect(await status(new TestClient(at, { headers: { "x-api-key": KEY } }))).toBe(401);
});
