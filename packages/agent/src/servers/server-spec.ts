/** Tool servers of an agent, as a program names them. */
import { type Clock, DeputizeError } from "@deputize/core";
import { type Destination, UNDECLARED } from "@deputize/guardrails/flow";
import { type McpToolsOptions, mcpTools } from "../tools/mcp-tools.ts";
import type { AgentAuthority, TokenOptions, ToolSource } from "../tools/tool-source.ts";

export interface HttpServerOptions {
  readonly url: string;
  /** The audience of the tokens to use there; the URL unless set. */
  readonly audience?: string;
  /** Tools to use of those that the server offers; all unless set. */
  readonly only?: readonly string[];
  /**
   * What the server says of its answers counts: for servers of one's own, or of whoever one would let write them. Without it
   * everything that comes back is untrusted, descriptions of its tools too, its approvals are refused, and its answers are never kept.
   * False unless set.
   */
  readonly trust?: boolean;
  /**
   * A token of the agent itself for this server. The server then sees the agent and not the person: for servers whose tools are
   * the same for everybody. `fresh` asks for another than the last, which was refused. Without it each call carries a token for
   * the person who asks.
   */
  readonly tokenProvider?: (options?: TokenOptions) => Promise<string>;
  /** A fixed token of the agent itself: short for a `tokenProvider` with one token. A server that refuses it ends the run. */
  readonly bearerToken?: string;
  /**
   * Who reads what the server is given, for one that holds no rules of ours: `external:weather`, `public`. Its tools are then called
   * only with what those may read of the model's context, or by the yes of the agent's `approvals`. A server with `trust` says it tool by tool; of one without, that says
   * nothing here, nobody knows the readers, and only what everybody may read goes there. `owner`: nobody reads it but the person.
   */
  readonly sends?: Destination;
  /** For servers in the same process, and for hosts with a network policy of their own. */
  readonly fetch?: typeof fetch;
}

export interface ServerSpec {
  source(name: string, clock: Clock): ToolSource;
}

/** A tool server over Streamable HTTP. Throws `config_invalid`. */
export function httpServer(options: HttpServerOptions): ServerSpec {
  const { tokenProvider: provider, bearerToken, sends, ...rest } = options;
  if (bearerToken !== undefined && provider)
    throw new DeputizeError(
      "config_invalid",
      "a tool server takes `tokenProvider` or `bearerToken`, not both",
    );
  const tokenProvider = provider ?? (bearerToken === undefined ? undefined : fixed(bearerToken));
  return {
    source(name, clock) {
      const asked: McpToolsOptions = { name, clock, ...rest };
      const plain = mcpTools(asked);
      // Whoever is not trusted to say who wrote what is not trusted to hold where it goes.
      const to = sends ?? (options.trust === true ? undefined : UNDECLARED);
      const source: ToolSource = to === undefined ? plain : sending(plain, to);
      if (!tokenProvider) return source;
      const authority: AgentAuthority = { tokenFor: (_audience, asked) => tokenProvider(asked) };
      return {
        name,
        list: (context) => source.list({ ...context, authority }),
        call: (call, context) => source.call(call, { ...context, authority }),
      };
    },
  };
}

const fixed =
  (token: string) =>
  async ({ fresh = false }: TokenOptions = {}): Promise<string> => {
    if (fresh) throw new DeputizeError("invalid_token", "the tool server refused this agent's own token");
    return token;
  };

/** The same tools, each with who reads what it is given. */
function sending(source: ToolSource, sends: Destination): ToolSource {
  return {
    ...source,
    list: async (context) => (await source.list(context)).map((tool) => ({ ...tool, sends })),
  };
}
