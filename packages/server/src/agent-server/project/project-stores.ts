/**
 * What a project keeps, opened as its configuration says: database, hot state, log, conversations, memories.
 *
 * Guarantees: what cannot work is said in one line before anything is served, and what was opened before is closed; secrets of this
 * machine are made at the first start, for nobody else to read.
 */
import { createHmac } from "node:crypto";
import { join, resolve } from "node:path";
import {
  type ConversationStore,
  InMemoryConversationStore,
  InMemoryProvider,
  type MemoryProvider,
  PostgresConversationStore,
  RedisConversationStore,
  SqliteConversationStore,
  VectorProvider,
  agentMigrations,
} from "@deputize/agent";
import { type AuditLog, auditLog, auditMigrations } from "@deputize/audit";
import { type Clock, DeputizeError } from "@deputize/core";
import { type Ephemeral, type Store, openEphemeral, openStore } from "@deputize/store";
import { serverMigrations } from "../../a2a/task-store.ts";
import { type Secrets, loadOrCreateSecrets } from "../../config/secrets.ts";
import { loadCode } from "./import-code.ts";
import type { Project } from "./read-project.ts";

export interface ProjectStores {
  readonly dataDir: string;
  readonly container: unknown;
  readonly store: Store | undefined;
  readonly ephemeral: Ephemeral;
  readonly audit: Pick<AuditLog, "append">;
  readonly conversations: ConversationStore;
  readonly memories: MemoryProvider | undefined;
}

export interface StoresOptions {
  readonly clock: Clock;
  /** How what was opened is closed, in the order of opening. */
  readonly undo: (() => Promise<unknown>)[];
  readonly onError: (error: unknown, message: string) => void;
}

/** Opens them. Throws `config_invalid` and `unavailable`, with the fix; what is open by then is in `undo`. */
export async function openProjectStores(project: Project, options: StoresOptions): Promise<ProjectStores> {
  const { config, env, folder } = project;
  const { clock, undo } = options;
  const dataDir = resolve(folder, env["DEPUTIZE_DATA"] || "data");
  const { secrets } = loadOrCreateSecrets(join(dataDir, "secrets.json"));
  const place = config.container ?? config.injectq;
  const container = place && (await loadCode(folder, place, config.container ? "container" : "injectq"));

  const store = await openDatabase(project, secrets, dataDir);
  if (store) undo.push(() => store.close());
  const redisUrl = config.redis ?? (env["REDIS_URL"] || undefined);
  const ephemeral = await openEphemeral({ clock, ...(redisUrl !== undefined && { redisUrl }) });
  undo.push(() => ephemeral.close());

  const secret =
    env["DEPUTIZE_AUDIT_SECRET"] || createHmac("sha256", secrets.agentRoot).update("audit").digest("hex");
  const logging = { secret, origin: "agent-server/audit", signingKey: secrets.auditKey, clock };
  const onError = (error: unknown) => options.onError(error, "the audit log could not be written");
  const audit = store
    ? auditLog({ ...logging, store, onError, anchorFile: join(dataDir, "audit-anchor.jsonl") })
    : auditLog({ ...logging, file: join(dataDir, "audit.jsonl") });
  undo.push(() => audit.close());

  const parts = { dataDir, store, redisUrl };
  const conversations = await conversationsOf(project, parts, undo);
  const memories = await memoriesOf(project, store);
  return { dataDir, container, store, ephemeral, audit, conversations, memories };
}

async function openDatabase({ config, env, folder }: Project, secrets: Secrets, dataDir: string) {
  const { stores } = config;
  const wanted = config.database ?? (env["DATABASE_URL"] || undefined);
  const needed = stores?.conversations === "postgres" || stores?.memories === "vector";
  if (wanted === undefined && !needed) return undefined;
  const url = wanted?.includes("://") ? wanted : undefined;
  const rolePrefix = env["DEPUTIZE_ROLE_PREFIX"] || undefined;
  return openStore({
    ...(url === undefined ? { dataDir: resolve(folder, wanted ?? join(dataDir, "database")) } : { url }),
    ...(rolePrefix !== undefined && { rolePrefix }),
    secrets: secrets.store,
    migrations: [auditMigrations, agentMigrations, serverMigrations],
  });
}

interface Parts {
  readonly dataDir: string;
  readonly store: Store | undefined;
  readonly redisUrl: string | undefined;
}

async function conversationsOf(
  { config, folder }: Project,
  { dataDir, store, redisUrl }: Parts,
  undo: StoresOptions["undo"],
): Promise<ConversationStore> {
  const setting = config.checkpointer ?? config.stores?.conversations ?? (store ? "postgres" : "memory");
  const name = config.checkpointer ? "checkpointer" : "stores.conversations";
  const own = (opened: ConversationStore): ConversationStore => {
    undo.push(() => opened.close());
    return opened;
  };
  switch (setting) {
    case "memory":
      return own(new InMemoryConversationStore());
    case "sqlite":
      return own(new SqliteConversationStore({ file: join(dataDir, "conversations.db") }));
    case "postgres":
      return own(new PostgresConversationStore(store as Store));
    case "redis":
      if (redisUrl === undefined)
        throw new DeputizeError("config_invalid", `${name}: needs \`redis\`, or REDIS_URL`);
      return own(new RedisConversationStore({ url: redisUrl }));
    default:
      return own(asStore(await madeBy(folder, setting, name), name));
  }
}

async function memoriesOf({ config, folder }: Project, store: Store | undefined) {
  const setting = config.store ?? config.stores?.memories;
  const name = config.store ? "store" : "stores.memories";
  if (setting === undefined) return undefined;
  if (setting === "memory") return new InMemoryProvider();
  if (setting === "vector") return new VectorProvider(store as Store);
  const made = (await madeBy(folder, setting, name)) as Partial<MemoryProvider> | null;
  if (typeof made === "object" && made !== null && typeof made.search === "function")
    return made as MemoryProvider;
  throw new DeputizeError("config_invalid", `${name}: ${setting} is no provider of memories`);
}

/** What a place of code exports, or what the function there makes. */
async function madeBy(folder: string, place: string, setting: string): Promise<unknown> {
  const value = await loadCode(folder, place, setting);
  return typeof value === "function" ? (value as () => unknown)() : value;
}

function asStore(value: unknown, setting: string): ConversationStore {
  const one = value as Partial<ConversationStore> | null | undefined;
  if (
    typeof one === "object" &&
    one !== null &&
    typeof one.open === "function" &&
    typeof one.close === "function"
  )
    return one as ConversationStore;
  throw new DeputizeError(
    "config_invalid",
    `${setting}: is no store of conversations; export one such as new SqliteConversationStore({ file })`,
  );
}
