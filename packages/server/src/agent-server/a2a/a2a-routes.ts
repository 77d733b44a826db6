/**
 * The agents of a server as A2A 1.0 agents: their cards, the keys that sign them, and one address for the calls of each.
 *
 * Guarantees: whoever calls has passed the server's own door, and tasks are theirs alone; a server without authentication serves no
 * agent this way, since all its callers would be one. A stream ends when the credential expires, within five seconds when it is taken
 * back, and when the server goes down [SR-26].
 */
import type { AuthenticatorChain, Identity } from "../../authenticators/index.ts";
import { type Clock, DeputizeError } from "@deputize/core";
import { z } from "zod";
import { type AgentEndpoint, agentEndpoint } from "../../a2a/agent-endpoint.ts";
import type { CardSigner } from "../../a2a/card-signature.ts";
import type { AgentCardOptions } from "../../a2a/card.ts";
import { type Watch, pollWatch } from "../../sse.ts";
import type { AgentServerParts } from "../create-agent-server.ts";
import { type AgentRoute, type RouteCall, route } from "../route.ts";
import type { SignIn } from "../sign-in.ts";

/** What a card says of one agent beside its name and description. */
export type ServedCard = Partial<Pick<AgentCardOptions, "version" | "skills" | "documentationUrl">>;

export interface A2aRoutesOptions {
  /** Who signs callers in, which the cards say. `null`, as in the mode without authentication, is refused. */
  readonly chain: AuthenticatorChain | null;
  /** Which agents are served; all unless set. */
  readonly agents?: readonly string[];
  readonly cards?: Readonly<Record<string, ServedCard>>;
  readonly provider?: AgentCardOptions["provider"];
  /** Signs the cards; its keys are published at `<publicUrl>/.well-known/jwks.json`, which signatures name. */
  readonly signer?: CardSigner;
  /** How long a task goes on when nobody listens any more, while its caller's credential stands. 600,000 unless set. */
  readonly lingerMs?: number;
}

const LINGER_MS = 600_000;
const CALL_BYTES = 256 * 1024;
const ASK_MS = 5_000;
/** No call lasts longer, whatever its credential says. */
const MOST_MS = 86_400_000;
const GROUP = "Agents for agents (A2A)";

const AgentParam = z.object({ agent: z.string().min(1).max(200) });

/** The address of an agent, which its card names. */
function a2aUrl(publicUrl: string, agent: string): string {
  return `${publicUrl.replace(/\/$/, "")}/a2a/${encodeURIComponent(agent)}`;
}

/** Throws `config_invalid` without authentication, and for an agent that the server does not have. */
export function a2aRoutes(parts: AgentServerParts, options: A2aRoutesOptions): readonly AgentRoute[] {
  const { chain, signer, agents = [...parts.agents.keys()] } = options;
  const jku = `${parts.publicUrl.replace(/\/$/, "")}/.well-known/jwks.json`;
  if (!chain)
    throw new DeputizeError(
      "config_invalid",
      "agents are served by A2A to callers who prove who they are; set `auth`, or `a2a` to false",
    );
  const endpoints = new Map(agents.map((name) => [name, endpointOf(name, chain)]));
  const [first] = endpoints.values();
  if (!first) throw new DeputizeError("config_invalid", "`a2a.agents` names one agent or more");

  function endpointOf(name: string, { schemes }: AuthenticatorChain): AgentEndpoint {
    const agent = parts.agents.get(name);
    if (!agent)
      throw new DeputizeError(
        "config_invalid",
        `\`a2a.agents\` names \`${name}\`, which this server has not`,
      );
    const { version = "1.0.0", skills, documentationUrl } = options.cards?.[name] ?? {};
    return agentEndpoint({
      agent: agent.core,
      audience: a2aUrl(parts.publicUrl, name),
      card: {
        version,
        skills: skills ?? [{ id: name, name, description: agent.description || name }],
        security: schemes,
        ...(documentationUrl !== undefined && { documentationUrl }),
        ...(options.provider && { provider: options.provider }),
      },
      lingerMs: options.lingerMs ?? LINGER_MS,
      clock: parts.clock,
      ...(parts.store && { store: parts.store }),
      ...(signer && { signer: { jwks: signer.jwks, sign: (card) => signer.sign(card, jku) } }),
      onFault: (err, requestId) => parts.logger?.error({ err, request_id: requestId }, "an A2A call failed"),
    });
  }

  function known(name: string): AgentEndpoint {
    const endpoint = endpoints.get(name);
    if (!endpoint) throw new DeputizeError("not_found", "there is nothing here");
    return endpoint;
  }

  const cardRoute = (
    path: string,
    find: (name: string) => AgentEndpoint,
    params?: z.ZodType,
  ): AgentRoute => ({
    method: "GET",
    path,
    group: GROUP,
    summary: "The card of an agent: what it does, where, and how to prove who asks.",
    scope: "public",
    ...(params && { params }),
    answer: z.looseObject({ name: z.string() }),
    handler: async ({ params: { agent } }: RouteCall<{ agent: string }>) =>
      new Response(find(agent).cardJson, {
        headers: { "Content-Type": "application/json", "Cache-Control": "public, max-age=300" },
      }),
  });

  return [
    cardRoute("/.well-known/agent-card.json", () => first),
    cardRoute("/a2a/{agent}/.well-known/agent-card.json", known, AgentParam),
    ...(signer ? [keysRoute(signer)] : []),
    route({
      method: "POST",
      path: "/a2a/{agent}",
      group: GROUP,
      summary: "One call of A2A 1.0 as JSON-RPC; streams are server-sent events.",
      scope: "a2a:call",
      params: AgentParam,
      upload: { types: ["application/json"] },
      maxBytes: CALL_BYTES,
      timeMs: null,
      answer: z.looseObject({ jsonrpc: z.literal("2.0") }),
      handler: async (call) => {
        const endpoint = known(call.params.agent);
        const { identity, agentCaller, requestId, request, signal } = call;
        if (!identity)
          throw new DeputizeError("unauthenticated", "this agent acts for callers who prove who they are");
        const body = Buffer.from(await call.upload()).toString("utf8");
        return endpoint.answer({
          body,
          headers: request.headers,
          signal,
          ...agentCaller,
          requestId,
          watch: watchOf(call, identity, parts),
        });
      },
    }),
  ];
}

function keysRoute({ jwks }: CardSigner): AgentRoute {
  return route({
    method: "GET",
    path: "/.well-known/jwks.json",
    group: GROUP,
    summary: "The public keys that sign the cards of this server's agents (RFC 7517).",
    scope: "public",
    answer: z.object({ keys: z.array(z.looseObject({ kid: z.string() })) }),
    handler: async () => Response.json(jwks, { headers: { "Cache-Control": "public, max-age=300" } }),
  });
}

/** Tells when what allows a call has ended: the credential's time, its revocation, or the server. */
function watchOf(
  { request, source, caller }: Pick<RouteCall, "request" | "source" | "caller">,
  { expiresAt }: Identity,
  { signIn, closing, clock }: { signIn: SignIn; closing: AbortSignal; clock: Clock },
): Watch {
  const standing = pollWatch(async () => {
    const still = await signIn(request, { transport: "http", source });
    return still.caller.subject === caller.subject && still.caller.tenant === caller.tenant;
  }, ASK_MS);
  return (onEnded) => {
    const stop = standing(onEnded);
    const down = (): void => onEnded(new DeputizeError("unavailable", "the server is going down"));
    if (closing.aborted) down();
    closing.addEventListener("abort", down, { once: true });
    const leftMs = expiresAt === undefined ? MOST_MS : expiresAt * 1000 - clock.nowMs();
    const expired = (): void => onEnded(new DeputizeError("invalid_token", "the credential has expired"));
    const timer = setTimeout(expired, Math.min(Math.max(leftMs, 0), MOST_MS));
    return () => {
      stop();
      clearTimeout(timer);
      closing.removeEventListener("abort", down);
    };
  };
}
