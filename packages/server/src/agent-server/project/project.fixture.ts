/** Projects in folders of their own, for tests: their agent is the test's, so that their code needs no package. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildAgent } from "@deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import type { AgentContext } from "./agent-context.ts";
import { type StartProjectOptions, type StartedProject, startProject } from "./start-project.ts";

const MAKER = Symbol.for("deputize.test.make-agent");

/** What agents were made with, newest last. */
export const made: AgentContext[] = [];

(globalThis as Record<symbol, unknown>)[MAKER] = (context: AgentContext) => {
  made.push(context);
  return buildAgent({
    name: context.name,
    instructions: "Help.",
    model: scriptedModel(Array.from({ length: 50 }, () => ({ text: "Hello." }))),
    conversations: context.conversations,
    audit: context.audit,
  });
};

const AGENT = `export default (context) => globalThis[Symbol.for("deputize.test.make-agent")](context);`;
/** A bearer token that is a user's name after \`user-\`. */
const AUTH = `
const answer = async ({ bearer }) => {
  if (!bearer?.startsWith("user-")) return { ok: false, skip: true };
  const userId = bearer.slice(5);
  return { ok: true, identity: { userId, roles: userId === "root" ? ["admin"] : ["user"] } };
};
export class MyAuthBackend { name = "names"; authenticate(request) { return answer(request); } }
export const instance = { name: "names", authenticate: answer };
export const make = ({ env }) => ({ name: env.AUTH_NAME ?? "made", authenticate: answer });
export const broken = () => { throw new Error("no database"); };
export const nothing = { name: "nothing" };
export const nameless = { authenticate: answer };`;

const folders: string[] = [];
const started: StartedProject[] = [];

/** A folder with an agent and ways to sign in, and these files; objects are written as JSON. */
export function project(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), "deputize-project-"));
  folders.push(folder);
  const all = {
    "graph/react.mjs": AGENT,
    "graph/react.js": AGENT,
    "auth/custom.mjs": AUTH,
    "auth/custom.js": AUTH,
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  return folder;
}

export interface Served extends StartedProject {
  /** The status of a request, with its bearer token. */
  ask(method: string, path: string, bearer?: string, headers?: Record<string, string>): Promise<Response>;
}

/** Starts a project with this configuration on a free port. */
export async function serveProject(
  config: object,
  options: Partial<StartProjectOptions> & { readonly files?: Readonly<Record<string, unknown>> } = {},
): Promise<Served> {
  const { files, ...rest } = options;
  const folder = project({ "deputize.json": { agent: "graph.react:default", ...config }, ...files });
  const running = await startProject({
    folder,
    port: 0,
    env: {},
    logger: { error: () => {}, warn: () => {}, info: () => {} },
    ...rest,
  });
  started.push(running);
  const at = `http://127.0.0.1:${running.port}`;
  return {
    ...running,
    ask: (method, path, bearer, headers = {}) =>
      fetch(`${at}${path}`, {
        method,
        headers: { ...headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
      }),
  };
}

/** Ends what was started, and removes what was written. */
export async function cleanUp(): Promise<void> {
  await Promise.all(started.splice(0).map(({ close }) => close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
