/**
 * A guarded tool server in the process of its agent: its tools are called as from outside, by requests with a token of its own for the
 * person who asks.
 *
 * Guarantees: each call carries who asks, by a token of a minute for this server alone; the agent holds none that would do elsewhere,
 * and what came with the request goes nowhere. The subject is the caller's, so that one user of two issuers is two (SR-09).
 */
import { type ServerSpec, httpServer } from "@deputize/agent";
import type { Caller } from "@deputize/core";
import type { JwtAuth, MCPServer } from "@deputize/mcp";
import { currentIdentity } from "../sign-in.ts";

const TOKEN_SECONDS = 60;

export interface InProcessServerOptions {
  /** Tools to use of those that the server offers; all unless set. */
  readonly only?: readonly string[];
}

/** For `servers` of `buildAgent`. `auth` is what `server` was made with. */
export function inProcessServer(
  server: Pick<MCPServer, "fetch">,
  auth: JwtAuth,
  options: InProcessServerOptions = {},
): ServerSpec {
  const spec = httpServer({
    url: "http://localhost/mcp",
    // It is ours: it holds the rules by which it says whose words its answers are.
    trust: true,
    fetch: async (input, init) => server.fetch(new Request(input, init)),
    ...options,
  });
  return {
    source(name, clock) {
      const source = spec.source(name, clock);
      const as = <Context extends Parameters<typeof source.list>[0]>(context: Context): Context => ({
        ...context,
        authority: { tokenFor: () => tokenOf(auth, context.caller) },
      });
      return {
        ...source,
        list: (context) => source.list(as(context)),
        call: (call, context) => source.call(call, as(context)),
      };
    },
  };
}

function tokenOf(auth: JwtAuth, caller: Caller): Promise<string> {
  const identity = currentIdentity();
  return auth.createToken(
    {
      sub: caller.subject,
      client_id: caller.clientId,
      roles: [...caller.roles],
      scope: caller.scopes.join(" "),
      tenant_id: caller.tenant,
      // Within the issuer that vouches for them, for tools over tables that know users by that name.
      ...(identity && { user_id: identity.userId, user_issuer: identity.issuer }),
    },
    { expiresIn: TOKEN_SECONDS },
  );
}
