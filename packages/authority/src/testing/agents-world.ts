/** For tests: an authority with roles for agents and an audience of their own, and short ways to register and sign in. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Hono } from "hono";
import type { AuthorityOptions } from "../authority.ts";
import { AUDIENCE, ISSUER, WHO } from "./test-core.ts";
import {
  PEOPLE,
  type Reply,
  TEST_POLICY,
  type TestAuthority,
  type Visitor,
  openTestAuthority,
} from "./test-authority.ts";

/** An audience, besides the API, that agents may sign in for. */
export const AGENT_AUDIENCE = AUDIENCE.productTools;

export const AGENT_ROLES = {
  reporter: ["read_weather", "read_stock"],
  trader: ["read:stock:*", "write:orders:own"],
};

export interface AgentsWorld {
  readonly world: TestAuthority;
  /** An administrator, and a person who is none. */
  readonly ada: Visitor;
  readonly alice: Visitor;
  /** An address of its own, so that one test's failures are not another's. */
  source(): string;
  /** A confirmed agent of Ada's, with these permissions. */
  agent(...permissions: string[]): Promise<{ id: string; key: string; keyId: string }>;
  login(apiKey: string, more?: object, source?: string): Promise<Reply>;
  refresh(refreshToken: string, source?: string): Promise<Reply>;
  stands(token: string): Promise<boolean>;
  /** Lets time pass; the people sign in again, for their own tokens may have ended with it. */
  pass(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

export async function openAgentsWorld(options: Partial<AuthorityOptions> = {}): Promise<AgentsWorld> {
  const world = await openTestAuthority({
    policy: { ...TEST_POLICY, agentAudiences: [AGENT_AUDIENCE], agentRoles: AGENT_ROLES },
    ...options,
  });
  let sources = 0;
  const source = (): string => `198.51.${107 + Math.floor(sources / 250)}.${(sources += 1) % 250}`;
  const ada = await world.signIn("ada", "api", source());
  const alice = await world.signIn("alice", "api", source());
  let names = 0;
  return {
    world,
    ada,
    alice,
    source,
    async agent(...permissions) {
      const made = await ada.send(
        "POST",
        "/agents/register",
        { agent_name: `Bot${(names += 1)}`, owner_email: PEOPLE.ada.email },
        { "x-test-source": source() },
      );
      if (made.status !== 201) throw new Error(`no agent: ${JSON.stringify(made.body)}`);
      if (permissions.length > 0) {
        await ada.send("PUT", `/agents/${made.body.agent_id}/permissions`, { permissions });
      }
      return { id: made.body.agent_id, key: made.body.api_key, keyId: made.body.key_id };
    },
    login: (api_key, more = {}, from = source()) =>
      world.visitor({ source: from }).send("POST", "/auth/login", { api_key, ...more }),
    refresh: (refresh_token, from = source()) =>
      world.visitor({ source: from }).send("POST", "/auth/refresh", { refresh_token }),
    stands: async (token) => (await world.tokens.stands(token)) !== undefined,
    async pass(milliseconds) {
      world.clock.advance(milliseconds);
      ada.token = (await world.signIn("ada", "api", source())).token;
      alice.token = (await world.signIn("alice", "api", source())).token;
    },
    close: () => world.close(),
  };
}

/**
 * The statements that `work` itself had the authority's pool run outside transactions, and `connect` for each transaction.
 * What standing work asks meanwhile, such as the follower of revocations, does not count.
 */
export async function queriesDuring(world: TestAuthority, work: () => Promise<unknown>): Promise<string[]> {
  const pool = world.store.pool("authority");
  const { query, connect } = pool;
  const asked: string[] = [];
  const ours = new AsyncLocalStorage<true>();
  // A query takes its connection by `connect` too; that one is not another.
  let within = false;
  const watched = {
    query(...args: unknown[]): unknown {
      if (ours.getStore()) asked.push(String(args[0]));
      within = true;
      try {
        return Reflect.apply(query, pool, args);
      } finally {
        within = false;
      }
    },
    connect(...args: unknown[]): unknown {
      if (!within && ours.getStore()) asked.push("connect");
      return Reflect.apply(connect, pool, args);
    },
  };
  Object.assign(pool, watched);
  try {
    await ours.run(true, work);
  } finally {
    Object.assign(pool, { query, connect });
  }
  return asked;
}

/** Addresses of the app itself, handed to it; for verifiers in the same process. */
export function fetchOf(app: Hono): typeof fetch {
  return async (input, init) => app.request(input instanceof Request ? input : String(input), init);
}

export { AUDIENCE, ISSUER, PEOPLE, WHO };
