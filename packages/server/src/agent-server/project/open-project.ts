/**
 * A project, opened: its code loaded, its stores open, its agents made, as what `createAgentServer` takes.
 *
 * Guarantees: what cannot work is told in one line before anything is served, and what was opened by then is closed again.
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import type { BuiltAgent } from "@deputize/agent";
import { undoAll } from "../../lifecycle/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { AuthorizationBackend, AuthorizationSetting } from "../authorization/authorization.ts";
import type { AgentServerOptions } from "../create-agent-server.ts";
import { hopsAddress } from "../limits/hops.ts";
import { type AgentContext, agentOf } from "./agent-context.ts";
import { loadCode } from "./import-code.ts";
import { projectA2a } from "./project-a2a.ts";
import { projectAuth } from "./project-auth.ts";
import { openProjectStores } from "./project-stores.ts";
import { projectLimiter } from "./rate-limit.ts";
import { type Project, type ServeSettings } from "./read-project.ts";

export interface OpenProjectOptions {
  readonly settings: ServeSettings;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface OpenProject {
  readonly dataDir: string;
  /** All but the address, which is known once the port is. */
  readonly server: Omit<AgentServerOptions, "publicUrl" | "allowedHosts">;
  readonly agents: readonly BuiltAgent[];
  close(): Promise<void>;
}

/** Throws `config_invalid` and `unavailable`, with the fix. */
export async function openProject(project: Project, options: OpenProjectOptions): Promise<OpenProject> {
  const { settings, logger, clock = systemClock } = options;
  const { config } = project;
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const authorization = await authorizationSetting(project);
    const stores = await openProjectStores(project, {
      clock,
      undo,
      onError: (err, message) => logger.error({ err }, message),
    });
    const auth = await projectAuth(project, {
      context: { env: project.env, container: stores.container },
      roles: rolesOf(authorization),
      onRefusal: (note) => logger.info(note, "a credential was refused"),
    });
    if (auth) undo.push(() => auth.chain.close());
    const limiter = await projectLimiter(project, { ephemeral: stores.ephemeral, clock, undo });
    const agents = await makeAgents(project, { ...stores, env: project.env }, undo);
    const { store, ephemeral, audit, dataDir } = stores;
    const routes = await projectA2a(project, { auth, dataDir });
    const { limits, rate_limit: rate, compat } = config;
    return {
      dataDir,
      agents,
      server: {
        agents,
        auth,
        authorization,
        audit,
        ephemeral,
        logger,
        clock,
        allowAnonymous: settings.allowAnonymous,
        limits: {
          bodyBytes: settings.bodyBytes,
          fileBytes: settings.uploadBytes,
          ...(limits?.request_seconds !== undefined && { timeMs: limits.request_seconds * 1000 }),
          ...(config.websocket?.max_connections !== undefined && {
            sockets: { maxConnections: config.websocket.max_connections },
          }),
          ...(limits?.concurrent_requests !== undefined && { concurrent: limits.concurrent_requests }),
        },
        ...(rate?.trusted_proxy_headers === true && { source: hopsAddress(rate.trusted_proxy_hops ?? 1) }),
        ...(settings.origins && {
          cors: {
            origins: settings.origins,
            ...(config.cors?.credentials !== undefined && { credentials: config.cors.credentials }),
          },
        }),
        ...(compat === "agentflow" && { compat }),
        playground: config.playground ?? !settings.production,
        ...(limiter && { limiter }),
        ...(routes && { routes }),
        ...(store && {
          store,
          ready: {
            database: async () => (await store.pool("authority").query("SELECT 1")).rowCount === 1,
          },
        }),
      },
      close: () => undoAll(undo),
    };
  } catch (error) {
    await undoAll(undo).catch(() => {});
    throw error;
  }
}

async function authorizationSetting({ config, folder }: Project): Promise<AuthorizationSetting> {
  const setting = config.authorization ?? null;
  if (setting === null || setting === "ownership" || setting === "default") return "ownership";
  if (setting === "allow_all" || setting === "none") return "allow_all";
  if (typeof setting === "object") return setting;
  const value = await loadCode(folder, setting, "authorization");
  const made: unknown = typeof value === "function" ? await (value as () => unknown)() : value;
  const { name, authorize, scopesFor } = (made ?? {}) as Partial<AuthorizationBackend>;
  if (typeof name === "string" && name !== "" && (authorize ?? scopesFor))
    return made as AuthorizationBackend;
  throw new DeputizeError(
    "config_invalid",
    "authorization: is no backend; export an object with `name`, and `authorize` or `scopesFor`",
  );
}

/** Roles that count of issuers whose entry lists none. */
function rolesOf(setting: AuthorizationSetting): readonly string[] {
  if (typeof setting !== "object" || "name" in setting) return [];
  return Object.keys(setting.roles ?? setting.role_scopes ?? {});
}

type Shared = Omit<AgentContext, "name" | "model" | "fallback">;

async function makeAgents(
  { config, folder, env }: Project,
  shared: Shared,
  undo: (() => Promise<unknown>)[],
): Promise<readonly BuiltAgent[]> {
  const places = config.agents ?? { agent: config.agent ?? "" };
  const model = config.models?.default ?? (env["DEPUTIZE_MODEL"] || "offline");
  const made: BuiltAgent[] = [];
  for (const [name, place] of Object.entries(places)) {
    const setting = config.agents ? `agents.${name}` : "agent";
    const agent = await agentOf(await loadCode(folder, place, setting), setting, {
      ...shared,
      name,
      model,
      fallback: config.models?.fallback ?? [],
    });
    undo.push(() => agent.close());
    if (config.agents && agent.name !== name)
      throw new DeputizeError(
        "config_invalid",
        `${setting}: this agent calls itself \`${agent.name}\`; give it \`name: context.name\``,
      );
    made.push(agent);
  }
  return made;
}
