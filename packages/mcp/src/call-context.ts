/**
 * Makes the context of one call: what a handler is given, and nothing else to reach for.
 *
 * Guarantees: frozen; a `read` has no way to write; what goes to the client on the way is masked like the answer, and never fails a call; use of
 * session state or of the client's input is told, since an answer that rests on them is nobody else's.
 */
import { DeputizeError } from "@deputize/core";
import type { AfterList } from "./background.ts";
import type { CallWire } from "./call.ts";
import type { CaseUse, LegacyRequests, ToolContext } from "./context.ts";
import type { CallDatabase } from "./database.ts";
import type { Definition } from "./definition.ts";
import type { Dependencies } from "./provide.ts";
import type { CallSecrets } from "./secrets/call-secrets.ts";
import { DEFAULT_SESSION_TTL_MS, type SessionState } from "./session-state.ts";
import type { CallServices, Visit } from "./visit.ts";

export interface CallParts {
  readonly services: CallServices;
  readonly visit: Visit;
  readonly definition: Definition;
  readonly wire: CallWire;
  readonly signal: AbortSignal;
  readonly database: CallDatabase;
  readonly dependencies: Dependencies;
  readonly secrets: CallSecrets;
  readonly after: AfterList;
  readonly caseUsed: (used: CaseUse) => void;
  /** What may be shown of a value. */
  readonly shown: <T>(value: T) => T;
  /** What a question to the client may say. */
  readonly saidInQuestions: <T>(value: T) => T;
  /** Called when the answer begins to rest on more than caller and arguments. */
  readonly restsOnMore: () => void;
  readonly validUntil: (atMs: number) => void;
}

export function callContext(parts: CallParts): ToolContext {
  const { services, visit, definition, wire, signal, database, dependencies, after, secrets, shown } = parts;
  const { caller, client, requestId } = visit;
  return Object.freeze({
    client,
    clientId: client.clientId,
    caller,
    requestId,
    server: services.server,
    tool: definition.name,
    kind: definition.kind,
    header: headerOf(parts),
    signal,
    db: (definition.effect === "read" ? database.reader : database.writer) as ToolContext["db"],
    session: sessionOf(parts),
    input: wire.input,
    legacy: legacyOf(parts),
    caseUsed: parts.caseUsed,
    validUntil: parts.validUntil,
    secrets: Object.freeze({ use: secrets.use.bind(secrets) }),
    get: dependencies.get.bind(dependencies),
    after: after.add.bind(after),
    progress: (progress, total, message) =>
      tell(signal, () => wire.progress(progress, total, message && shown(message))),
    log: (level, message) => tell(signal, () => wire.log(level, shown(message))),
  } satisfies ToolContext);
}

/**
 * Sends what nobody waits for. A client that left, or an answer that went out already, is no failure of the handler: a
 * promise that it does not await must not end the process.
 */
async function tell(ended: AbortSignal, send: () => Promise<void>): Promise<void> {
  if (ended.aborted) return;
  try {
    await send();
  } catch {
    // There is nobody left to tell.
  }
}

/** Also what proves the possession of a token's key, and what a proxy was given. */
const NEVER_READ: ReadonlySet<string> = new Set(["proxy-authorization", "dpop"]);

function headerOf({ services, visit, restsOnMore }: CallParts): ToolContext["header"] {
  return (name) => {
    const plain = name.toLowerCase();
    if (NEVER_READ.has(plain) || services.credentialHeaders.has(plain)) return undefined;
    restsOnMore();
    return visit.headers.get(plain) ?? undefined;
  };
}

/** What a session holds is reached between transactions, not within one. */
function sessionOf({ services, visit, database, restsOnMore }: CallParts): SessionState {
  const { server, sessions, sessionTtlMs: ttlMs = DEFAULT_SESSION_TTL_MS } = services;
  const { caller, session } = visit;
  const state = sessions.of({ server, caller, session, ttlMs });
  const reached = (): SessionState => {
    restsOnMore();
    if (database.state() === "open")
      throw new DeputizeError(
        "internal",
        "use `ctx.session` before or after `ctx.db.write`, not inside of it",
      );
    return state;
  };
  return {
    get: async <T>(name: string, fallback?: T) => reached().get(name, fallback as T),
    set: async (name, value) => reached().set(name, value),
    delete: async (name) => reached().delete(name),
  };
}

function legacyOf({ wire: { legacy }, restsOnMore, saidInQuestions }: CallParts): LegacyRequests {
  return {
    elicit: (params) => {
      restsOnMore();
      return legacy.elicit(saidInQuestions(params));
    },
    sample: (params) => {
      restsOnMore();
      return legacy.sample(saidInQuestions(params));
    },
  };
}
