import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseConfig } from "./config-file.ts";
import { configSchemaText } from "./json-schema.ts";

const parse = (config: unknown, env = {}) => parseConfig(config, env);
const withAgent = (more: object) => parse({ agent: "./agents/support.ts", ...more });

/** What the fault says. */
function fault(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing is wrong";
}

describe("what the configuration of a project may say [AF-F01]", () => {
  it.each([
    [{}],
    [{ auth: null }],
    [{ auth: "jwt" }],
    [{ auth: { method: "custom", path: "auth.custom:MyAuthBackend" } }],
    [{ auth: { method: "custom", path: "./auth/custom.ts#MyAuth" } }],
    [{ auth: { method: "deputize", issuer: "https://id.example", audience: "https://agents.example" } }],
    [{ auth: ["jwt", { method: "custom", path: "./auth/keys.ts" }] }],
    [
      {
        auth: {
          method: "jwt",
          required_claims: { plan: "pro" },
          leeway_seconds: 5,
          roles: { allow: ["admin"] },
        },
      },
    ],
    [{ authorization: null }],
    [{ authorization: "ownership" }],
    [{ authorization: "default" }],
    [{ authorization: "allow_all" }],
    [{ authorization: "none" }],
    [{ authorization: "auth.rules:rules" }],
    [{ authorization: { backend: "rbac", roles: { admin: ["*"], user: ["graph:invoke", "threads:*"] } } }],
    [
      {
        authorization: {
          type: "role_based",
          role_scopes: { user: [] },
          default_scopes: [],
          isolation: "none",
        },
      },
    ],
    [{ authorization: { backend: "roles", roles: {}, isolation: "owner" } }],
    [
      {
        checkpointer: "graph.stores:checkpointer",
        store: "graph.stores:store",
        injectq: "graph.di:container",
      },
    ],
    [{ thread_name_generator: "graph.names:generator" }],
    [{ rate_limit: { enabled: true, backend: "memory", requests: 100, window: 60, by: "ip" } }],
    [{ rate_limit: { backend: "custom", path: "./limits.ts#counter", by: ["ip", "user", "key", "tenant"] } }],
    [
      {
        rate_limit: {
          backend: "redis",
          redis: { url: "redis://localhost:6379/0", prefix: "rl" },
          fail_open: false,
        },
      },
    ],
    [{ rate_limit: { exclude_paths: ["/ping"], trusted_proxy_headers: true, trusted_proxy_hops: 1 } }],
    [{ websocket: { max_connections: 1000 } }],
    [{ observability: { level: "info", logfire: false, langsmith: false } }],
    [{ a2a: { agents: ["support"], provider: { organization: "Example", url: "https://example.com" } } }],
    [{ test: { path: "tests", coverage: true, threshold: 80 } }],
    [
      {
        evaluation: {
          directory: "evals",
          output_dir: "out",
          threshold: 0.8,
          parallel: true,
          max_concurrency: 4,
        },
      },
    ],
    [{ cors: { origins: ["https://app.example"], credentials: true } }],
    [{ stores: { conversations: "postgres", memories: "vector" }, database: "postgres://localhost/agents" }],
  ])("%j", (config) => {
    expect(withAgent(config)).toMatchObject(config);
  });

  it("takes the address of Redis from the environment, and refuses one that is not set", () => {
    const config = { agent: "./a.ts", redis: "redis://:${REDIS_PASSWORD}@cache:6379" };
    expect(parse(config, { REDIS_PASSWORD: "hunter2" }).redis).toBe("redis://:hunter2@cache:6379");
    expect(fault(() => parse(config))).toBe(
      "deputize.json: redis: $REDIS_PASSWORD is not set; set it in the environment or in .env",
    );
  });
});

describe("what it may not say [AF-D01]", () => {
  const WAYS = 'a way in is "jwt" or { "method": … }, and no other word exists';
  it.each([
    [{ auth: "no-jwt-please" }, `auth: is null, a way in, or a list of ways in; ${WAYS}`],
    [
      { auth: { method: "jwt", tenants: ["acme", "globex"] } },
      "auth: needs `tenant_at`, the claim that names the tenant: without it users of all `tenants` would be in one",
    ],
    [{ auth: "JWT" }, `auth: is null, a way in, or a list of ways in; ${WAYS}`],
    [{ auth: "none" }, `auth: is null, a way in, or a list of ways in; ${WAYS}`],
    [{ auth: true }, `auth: is null, a way in, or a list of ways in; ${WAYS}`],
    [{ auth: [] }, "auth: is null where there is no way in; an empty list is none"],
    [{ auth: ["jwt", "jwtt"] }, 'auth[1]: is "jwt" or { "method": … }, and no other word exists'],
    [{ auth: [null] }, 'auth[0]: is "jwt" or { "method": … }, and no other word exists'],
    [{ auth: {} }, 'auth.method: is one of "jwt", "custom", "deputize"'],
    [{ auth: { method: "custom" } }, "auth.path: is missing"],
    [
      { auth: ["jwt", { method: "custom", pth: "./a.ts", path: "./a.ts" }] },
      "auth[1]: there is no `pth`; did you mean `path`?",
    ],
    [{ auht: null }, "there is no `auht`; did you mean `auth`?"],
    [{ rate_limit: { reqests: 5 } }, "rate_limit: there is no `reqests`; did you mean `requests`?"],
    [
      { rate_limit: { by: "users" } },
      'rate_limit.by: is one of ip, address, user, key, tenant, global, or a list of those; did you mean "user"?',
    ],
    [
      { rate_limit: { backend: "custom" } },
      'rate_limit: `path` belongs to `"backend": "custom"`, which needs it',
    ],
    [{ rate_limit: { requests: 0 } }, "rate_limit.requests: is a whole number from 1 to 1000000"],
    [
      { authorization: "owner" },
      'authorization: is null, "ownership", "allow_all", code such as `./auth/rules.ts#rules`, or { "backend": "rbac", … }; did you mean "ownership"?',
    ],
    [
      { authorization: { backend: "rbac", roles: { user: ["threads"] } } },
      "authorization.roles.user[0]: is a scope such as `graph:invoke`, `threads:*` or `*`",
    ],
    [
      { authorization: { backend: "rbac", roles: {}, isolation: "tenant" } },
      'authorization.isolation: is one of "owner", "none"',
    ],
    [
      { authorization: { backend: "rbac", roles: {}, role_scopes: {} } },
      "authorization: needs `roles`, or `role_scopes`, one of both",
    ],
    [
      { cors: { origins: ["*"] } },
      "cors.origins[0]: is an origin such as https://app.example, without a path",
    ],
    [
      { cors: { origins: "*" } },
      'cors.origins: is a list of origins such as ["https://app.example"]; `*` is not one',
    ],
    [
      { checkpointer: "./a.ts", stores: { conversations: "memory" } },
      "`checkpointer` and `stores.conversations` are one thing; give one of them",
    ],
    [{ agents: { a: "./a.ts" } }, "needs `agent`, or `agents` where there are several; one of both"],
    [{ redis: "http://localhost" }, "redis: is an address that begins with redis:// or rediss://"],
  ])("%j", (config, says) => {
    expect(fault(() => withAgent(config))).toBe(`deputize.json: ${says}`);
  });

  it("tells every fault at once, and repeats no value", () => {
    const says = fault(() => withAgent({ redis: "sk-secret", database: "mysql://u:p4ss@h", prot: 1 }));
    expect(says.split("; ").length).toBeGreaterThanOrEqual(3);
    expect(says).toContain("did you mean `port`?");
    expect(says).not.toMatch(/sk-secret|p4ss/);
  });
});

it("the published JSON Schema is made from what checks", () => {
  const file = new URL("../../../../deputize/deputize.schema.json", import.meta.url);
  // Make it anew with: node packages/server/src/agent-server/project/json-schema.ts
  expect(readFileSync(file, "utf8")).toBe(configSchemaText());
});
