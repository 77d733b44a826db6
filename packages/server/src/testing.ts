/** Doubles for this package's tests: callers by made-up tokens, and agents that play a script. */
import type { Agent, AgentAuthority, ResumeRequest, TurnEvent, TurnRequest } from "@deputize/agent";
import type { TokenVerifier } from "@deputize/client";
import { type Caller, DeputizeError, type GrantId, type PrincipalId, stableId } from "@deputize/core";

export const person = (name: string): PrincipalId => stableId(`user:${name}`) as PrincipalId;

/** The caller behind a token of `fakeVerifier`. */
export function testCaller(
  name: string,
  actors: readonly string[] = [],
  audience = "http://shop.test",
): Caller {
  return {
    tenant: "default",
    subject: person(name),
    subjectKind: "user",
    actors: actors.map((actor) => stableId(`agent:${actor}`) as PrincipalId),
    roles: ["customer"],
    scopes: [],
    grants: [stableId(`grant:${name}:${actors.join()}`) as GrantId],
    clientId: "test",
    token: { issuer: "http://shop.test", jti: "j", audience: [audience], issuedAt: 0, expiresAt: 4e9 },
  };
}

/** Tokens are `name.actor1-actor2.audience` in base64url parts; anything else is refused. */
export function fakeToken(name: string, actors: readonly string[], audience: string): string {
  return [name, actors.join(","), audience].map((part) => Buffer.from(part).toString("base64url")).join(".");
}

export interface FakeVerifier extends TokenVerifier {
  /** Ends every token, as a revocation does. */
  revokeAll(): void;
}

export function fakeVerifier(): FakeVerifier {
  let alive = true;
  const watchers = new Set<(reason: DeputizeError) => void>();
  return {
    async verify(token, { audience }) {
      const [name, actors, aud] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
      if (!alive || !name || aud !== audience)
        throw new DeputizeError("invalid_token", "the token is not valid here");
      return testCaller(name, actors ? actors.split(",") : [], aud);
    },
    watch(_caller, onEnded) {
      watchers.add(onEnded);
      return () => watchers.delete(onEnded);
    },
    refresh: async () => true,
    close: async () => {},
    revokeAll() {
      alive = false;
      for (const watcher of watchers) watcher(new DeputizeError("invalid_token", "the token was revoked"));
    },
  };
}

export interface ScriptedAgent extends Agent {
  readonly turns: TurnRequest[];
  readonly resumptions: ResumeRequest[];
}

/** An agent that answers each turn with what `play` yields. */
export function scriptedAgent(
  name: string,
  play: (request: TurnRequest) => AsyncIterable<TurnEvent>,
  resume?: (request: ResumeRequest) => AsyncIterable<TurnEvent>,
): ScriptedAgent {
  const turns: TurnRequest[] = [];
  const resumptions: ResumeRequest[] = [];
  const missing = (): never => {
    throw new DeputizeError("not_found", "no run waits for this approval");
  };
  return {
    name,
    description: `${name} for tests`,
    model: { name: "scripted", offline: true },
    conversations: undefined as never,
    asks: [],
    unpriced: [],
    turns,
    resumptions,
    stream(request) {
      turns.push(request);
      return play(request);
    },
    resume(request) {
      resumptions.push(request);
      return resume ? resume(request) : missing();
    },
    run: () => Promise.reject(new Error("not scripted")),
    carryOn: () => Promise.reject(new Error("not scripted")),
    resumeRun: () => Promise.reject(new Error("not scripted")),
    tools: () => Promise.resolve([]),
    stop: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** Authority that hands out fake tokens in which `actor` acts, for the audiences it knows. */
export function fakeAuthority(
  name: string,
  actors: readonly string[],
  audiences: readonly string[],
): AgentAuthority {
  return {
    async tokenFor(audience) {
      if (!audiences.includes(audience)) throw new DeputizeError("forbidden", "no permission for this agent");
      return fakeToken(name, actors, audience);
    },
  };
}
