/**
 * For tests: a whole authority over a store of its own, with four people, two built-in agents that may act for
 * Alice, and a small browser and API client. The audit log is a list; passwords cost next to nothing and are counted.
 */
import { Hono } from "hono";
import { requestContext, problemHandler } from "@deputize/client";
import {
  type Caller,
  type ManualClock,
  type PrincipalId,
  manualClock,
  randomHex,
  stableId,
  systemClock,
} from "@deputize/core";
import { type AuditEvent, auditMigrations } from "@deputize/audit";
import type { MigrationSet } from "@deputize/store";
import { type TestStore, namespaced, openTestEphemeral, openTestStore } from "@deputize/store/testing";
import { type Authority, type AuthorityOptions, createAuthority } from "../authority.ts";
import { createPasswordHasher } from "../credentials/password.ts";
import { generateSigningKey } from "../keys/private-key.ts";
import { authorityMigrations } from "../migrations.ts";
import type { Role } from "../people/person.ts";
import type { AuthorityPolicy } from "../policy.ts";
import { AUDIENCE, ISSUER, POLICY, WHO } from "./test-core.ts";

export const PEOPLE = {
  alice: { email: "alice@example.com", password: "alice's own words", role: "customer", name: "Alice" },
  bob: { email: "bob@example.com", password: "bob's own words", role: "customer", name: "Bob" },
  sue: { email: "sue@example.com", password: "sue's own words", role: "seller", name: "Sue" },
  ada: { email: "ada@example.com", password: "ada's own words", role: "admin", name: "Ada" },
  max: { email: "max@example.com", password: "max's own words", role: "admin", name: "Max" },
} as const satisfies Record<string, { email: string; password: string; role: Role; name: string }>;
export type PersonName = keyof typeof PEOPLE;

export function idOf(name: PersonName): PrincipalId {
  return stableId(`user:${PEOPLE[name].email}`) as PrincipalId;
}

export const TEST_POLICY: AuthorityPolicy = {
  ...POLICY,
  roles: {
    customer: ["read:orders:*", "cancel:orders:*", "read:profile:*"],
    seller: ["read:products:*"],
    admin: ["read:orders:*", "read:profile:*", "open:cases:*", "read:usage:*"],
  },
  edges: {
    [WHO.shopApi]: [AUDIENCE.support],
    [WHO.support]: [AUDIENCE.orders],
    [WHO.orders]: [AUDIENCE.orderTools],
  },
};

/** The fields that tests read as text; what an answer lacks is undefined, and the test fails on it. */
export interface ReplyBody {
  readonly id: string;
  readonly access_token: string;
  readonly refresh_token: string;
  readonly agent_id: string;
  readonly api_key: string;
  readonly key_id: string;
  readonly [field: string]: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReplyBody;
}

/** A browser with a jar, or an API client with a token. */
export interface Visitor {
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  readonly cookies: Map<string, string>;
  token: string | undefined;
  refreshToken: string | undefined;
}

export interface TestAuthority extends Authority {
  readonly store: TestStore;
  readonly events: AuditEvent[];
  readonly clock: ManualClock;
  readonly app: Hono;
  /** How often a password was hashed, and checked. */
  readonly work: { hashed: number; checked: number };
  visitor(options?: { source?: string }): Visitor;
  /** A person signed in: in the page, or at the API. */
  signIn(name: PersonName, client?: "browser" | "api", source?: string): Promise<Visitor>;
  /** The caller of a visitor, as the API's routes see it. */
  callerOf(visitor: Visitor, method?: string): Promise<Caller>;
  /** A caller that acts for the visitor through both agents, with its token. */
  deputyOf(visitor: Visitor): Promise<{ caller: Caller; token: string }>;
}

/** `makeAudit` puts a real log in the place of the list; `migrations` are those of further rooms. */
export async function openTestAuthority({
  makeAudit,
  migrations = [],
  ephemeral: shared,
  ...options
}: Partial<AuthorityOptions> & {
  makeAudit?: (store: TestStore) => AuthorityOptions["audit"];
  migrations?: readonly MigrationSet[];
} = {}): Promise<TestAuthority> {
  const store = await openTestStore([auditMigrations, authorityMigrations, ...migrations]);
  // Its people have the same ids in every world, and a world counts their attempts for itself.
  const ephemeral = shared ?? namespaced(await openTestEphemeral(), randomHex(6));
  // The database has a clock of its own, so tests start at its present.
  const clock = manualClock(systemClock.nowMs());
  const events: AuditEvent[] = [];
  const audit = makeAudit?.(store) ?? {
    record: async (_tx: unknown, event: AuditEvent) => `entry-${events.push(event)}`,
    append: async (event: AuditEvent) => `entry-${events.push(event)}`,
    announce: () => {},
  };
  const work = { hashed: 0, checked: 0 };
  const passwords = createPasswordHasher({
    hash: async (password) => {
      work.hashed += 1;
      return `$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$${Buffer.from(password).toString("base64").replaceAll("=", "").padEnd(43, "A")}`;
    },
    verify: async (stored, password) => {
      work.checked += 1;
      return stored.endsWith(
        `$${Buffer.from(password).toString("base64").replaceAll("=", "").padEnd(43, "A")}`,
      );
    },
  });
  const authority = await createAuthority({
    store,
    audit,
    ephemeral,
    clock,
    issuer: ISSUER,
    secrets: { signingKeys: [generateSigningKey()], rootSecret: Buffer.from(randomHex(32), "hex") },
    policy: TEST_POLICY,
    sourceOf: (c) => c.req.header("x-test-source") ?? "192.0.2.1",
    passwords,
    ...options,
  });
  for (const [name, person] of Object.entries(PEOPLE)) {
    await authority.people.create({ id: idOf(name as PersonName), ...person });
  }
  for (const name of ["customer-support", "order-management"])
    await authority.agents.ensureBuiltIn(name, randomHex(32));
  for (const name of ["shop-api", "mcp-orders", "mcp-products"]) {
    await authority.agents.ensureBuiltIn(name, randomHex(32), "service");
  }
  for (const agent of [WHO.support, WHO.orders]) {
    await authority.permissions.grant({ person: idOf("alice"), agent, grantedBy: idOf("ada") });
    await authority.permissions.grant({ person: idOf("ada"), agent, grantedBy: idOf("ada") });
  }
  events.length = 0;
  work.hashed = 0;

  const app = new Hono();
  problemHandler(app);
  app.use(requestContext({ allowedHosts: ["localhost:3000"] }));
  app.route("/", authority.routes);

  function visitor({ source }: { source?: string } = {}): Visitor {
    const cookies = new Map<string, string>();
    const self: Visitor = {
      cookies,
      token: undefined,
      refreshToken: undefined,
      async send(method, path, body, headers = {}) {
        const response = await app.request(`${ISSUER}${path}`, {
          method,
          headers: {
            ...(source !== undefined && { "x-test-source": source }),
            ...(body !== undefined && { "content-type": "application/json" }),
            ...(cookies.size > 0 && { cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join("; ") }),
            ...(cookies.has("deputize_csrf") && { "x-csrf-token": cookies.get("deputize_csrf") ?? "" }),
            ...(self.token !== undefined && { authorization: `Bearer ${self.token}` }),
            ...headers,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        for (const line of response.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (/Max-Age=0/.test(line)) cookies.delete(name);
          else cookies.set(name, value);
        }
        const text = await response.text();
        return {
          status: response.status,
          headers: response.headers,
          body: text === "" ? {} : JSON.parse(text),
        };
      },
    };
    return self;
  }

  function callerOf(guest: Visitor, method = "GET"): Promise<Caller> {
    const headers = new Headers({ host: "localhost:3000" });
    if (guest.cookies.size > 0)
      headers.set("cookie", [...guest.cookies].map(([k, v]) => `${k}=${v}`).join("; "));
    if (guest.token !== undefined) headers.set("authorization", `Bearer ${guest.token}`);
    return authority.authenticate(new Request(`${ISSUER}/api/x`, { method, headers }));
  }

  return {
    ...authority,
    clock,
    store,
    events,
    app,
    work,
    visitor,
    async signIn(name, client = "browser", source = "192.0.2.9") {
      const guest = visitor({ source });
      const { email, password } = PEOPLE[name];
      const headers: Record<string, string> = client === "browser" ? { "x-deputize-client": "browser" } : {};
      const reply = await guest.send("POST", "/api/auth/login", { email, password }, headers);
      if (reply.status !== 200) throw new Error(`${name} could not sign in: ${JSON.stringify(reply.body)}`);
      if (client === "api") {
        guest.token = reply.body["access_token"];
        guest.refreshToken = reply.body["refresh_token"];
      }
      return guest;
    },
    callerOf,
    async deputyOf(guest) {
      const person = await callerOf(guest);
      const first = await authority.exchange.caller(person, {
        exchanger: WHO.shopApi,
        actor: WHO.support,
        audiences: [AUDIENCE.orders],
      });
      const second = await authority.exchange.token(await authority.tokens.read(first.token), {
        exchanger: WHO.orders,
        audiences: [AUDIENCE.orderTools],
      });
      return { caller: (await authority.tokens.read(second.token)).caller, token: second.token };
    },
    async close() {
      await authority.close();
      await ephemeral.close();
      await store.close();
    },
  };
}
