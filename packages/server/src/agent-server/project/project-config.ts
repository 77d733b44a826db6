/**
 * `deputize.json`: everything that a project says of its agent server, checked before anything is opened.
 *
 * Guarantees: a key that does not exist, a word that means nothing and a value out of bounds are errors with the exact path and the
 * nearest right name (AF-D01); what is read here is used, or `doctor` says that it is not (AF-D24).
 * Does not: hold secrets. Values written `$NAME` come from the environment.
 */
import { z } from "zod";
import { AuthSetting, AuthorizationSetting } from "./auth-setting.ts";
import { address, codePlace, count, either, names, settings, word } from "./setting.ts";

const MIB = 1024 * 1024;
const AGENT_NAME = /^[a-z][a-z0-9-]{0,62}$/;

const agents = z
  .record(z.string().regex(AGENT_NAME, "is a name of small letters, digits and `-`"), codePlace)
  .refine((it) => Object.keys(it).length > 0, { error: "names no agent" });

const COUNTED_BY = ["ip", "address", "user", "key", "tenant", "global"] as const;

const rateLimit = settings({
  enabled: z.boolean().optional(),
  backend: word("memory", "redis", "custom").optional(),
  /** With `custom`: where the counter is. */
  path: codePlace.optional(),
  requests: count(1, 1_000_000).optional(),
  /** Seconds. */
  window: count(1, 86_400).optional(),
  by: either(
    `is one of ${COUNTED_BY.join(", ")}, or a list of those`,
    [
      z.enum(COUNTED_BY),
      z
        .array(word(...COUNTED_BY))
        .min(1)
        .max(6),
    ],
    COUNTED_BY,
  ).optional(),
  exclude_paths: names.optional(),
  /** Whether `X-Forwarded-For` is read at all. */
  trusted_proxy_headers: z.boolean().optional(),
  /** How many proxies of yours stand before this server, counted from the right. */
  trusted_proxy_hops: count(1, 16).optional(),
  redis: settings({
    url: address("redis:", "rediss:").optional(),
    prefix: z.string().min(1).max(64).optional(),
  }).optional(),
  /** Whether requests pass while the counter cannot be reached. */
  fail_open: z.boolean().optional(),
}).refine((it) => (it.backend === "custom") === (it.path !== undefined), {
  error: '`path` belongs to `"backend": "custom"`, which needs it',
});

const CONVERSATIONS = ["memory", "sqlite", "postgres", "redis"] as const;
const MEMORIES = ["memory", "vector"] as const;

const stores = settings({
  conversations: either(
    `is one of ${CONVERSATIONS.join(", ")}, or code such as \`./stores.ts#conversations\``,
    [z.enum(CONVERSATIONS), codePlace],
    CONVERSATIONS,
  ).optional(),
  /** What the agents remember of people. */
  memories: either(
    `is one of ${MEMORIES.join(", ")}, or code such as \`./stores.ts#memories\``,
    [z.enum(MEMORIES), codePlace],
    MEMORIES,
  ).optional(),
});

const limits = settings({
  request_bytes: count(1024, 1024 * MIB).optional(),
  upload_bytes: count(1024, 1024 * MIB).optional(),
  request_seconds: count(1, 3600).optional(),
  concurrent_requests: count(1, 100_000).optional(),
});

const originOf = (text: string) => (URL.canParse(text) ? new URL(text).origin : undefined);

const cors = settings({
  origins: z
    .array(
      z.string().refine((text) => /^https?:\/\/[^*]+$/.test(text) && originOf(text) === text, {
        error: "is an origin such as https://app.example, without a path",
      }),
      { error: 'is a list of origins such as ["https://app.example"]; `*` is not one' },
    )
    .max(64),
  credentials: z.boolean().optional(),
});

const observability = settings({
  level: word("silent", "error", "warn", "info", "debug").optional(),
  /** Traces to the endpoint that OTEL_EXPORTER_OTLP_ENDPOINT names. */
  otlp: z.boolean().optional(),
  /** Traces to Logfire; the token is LOGFIRE_TOKEN in the environment. */
  logfire: z.boolean().optional(),
  /** Traces to LangSmith; the key is LANGSMITH_API_KEY in the environment. */
  langsmith: z.boolean().optional(),
});

const a2a = settings({
  /** Which agents are served; all unless set. */
  agents: names.optional(),
  provider: settings({
    organization: z.string().min(1).max(200),
    url: address("https:", "http:"),
  }).optional(),
});

const models = settings({
  /** Such as `openai:gpt-5-mini`, or `offline`. DEPUTIZE_MODEL unless set. */
  default: z.string().min(1).max(200).optional(),
  fallback: names.max(8).optional(),
});

/** How the project's own tests are run. */
export const TestSetting = settings({
  /** Their folder; `tests` unless set. */
  path: z
    .string()
    .regex(/^[\w@./-]{1,200}$/, "is a folder of the project")
    .optional(),
  coverage: z.boolean().optional(),
  /** The least part of lines that tests reach, in percent; with `coverage`. */
  threshold: count(0, 100).optional(),
});

export const ProjectConfig = settings({
  $schema: z.string().max(2000).optional(),
  agent: codePlace.optional(),
  agents: agents.optional(),
  /** Files of the environment, read in order; `.env` where it is there. `null`: none. */
  env: either("is a file, a list of files, or null", [
    z.null(),
    z.string().min(1).max(500),
    names.min(1),
  ]).optional(),
  auth: AuthSetting.optional(),
  authorization: AuthorizationSetting.optional(),
  /** The first of two times that a server without sign-in has to be wished for. */
  allow_anonymous: z.boolean().optional(),
  host: z.string().min(1).max(255).optional(),
  port: count(0, 65_535).optional(),
  /** The address that people and programs use. */
  public_url: address("http:", "https:").optional(),
  allowed_hosts: names.optional(),
  database: z
    .string()
    .min(1)
    .max(2000)
    .refine((text) => !text.includes("://") || /^postgres(?:ql)?:\/\//.test(text), {
      error: "is an address that begins with postgres://, or a folder for the embedded database",
    })
    .optional(),
  redis: address("redis:", "rediss:").optional(),
  stores: stores.optional(),
  /** Another name of `stores.conversations`, for code. */
  checkpointer: codePlace.optional(),
  /** Another name of `stores.memories`, for code. */
  store: codePlace.optional(),
  /** What agents, authenticators and stores are given as `container` when they are made. */
  container: codePlace.optional(),
  /** Another name of `container`. */
  injectq: codePlace.optional(),
  thread_name_generator: codePlace.optional(),
  models: models.optional(),
  rate_limit: rateLimit.optional(),
  limits: limits.optional(),
  cors: cors.optional(),
  websocket: settings({ max_connections: count(1, 100_000).optional() }).optional(),
  observability: observability.optional(),
  a2a: either("is true, false, or { … }", [z.boolean(), a2a]).optional(),
  compat: either('is null or "agentflow"', [z.null(), z.enum(["agentflow"])]).optional(),
  /** Serves `/playground`, a page for trying the agents. On unless set, and off unless set where MODE is production. */
  playground: z.boolean().optional(),
  /** For `deputize test`. */
  test: TestSetting.optional(),
  /** Read for files of the original, and used by nothing here; `doctor` says so. */
  evaluation: z.record(z.string(), z.unknown()).optional(),
})
  .refine((it) => (it.agent === undefined) !== (it.agents === undefined), {
    error: "needs `agent`, or `agents` where there are several; one of both",
  })
  .superRefine((it, context) => {
    const twice = [
      [it.checkpointer, it.stores?.conversations, "checkpointer", "stores.conversations"],
      [it.store, it.stores?.memories, "store", "stores.memories"],
      [it.container, it.injectq, "container", "injectq"],
    ] as const;
    for (const [one, other, name, same] of twice)
      if (one !== undefined && other !== undefined)
        context.addIssue(`\`${name}\` and \`${same}\` are one thing; give one of them`);
  });

/** What a project's file says, checked. */
export type ProjectConfig = z.output<typeof ProjectConfig>;
/** What a project's file may say. */
export type ProjectConfigInput = z.input<typeof ProjectConfig>;

/** For `deputize.config.ts`: nothing but the type. */
export function defineConfig(config: ProjectConfigInput): ProjectConfigInput {
  return config;
}
