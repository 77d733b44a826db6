/**
 * The claims of a broker token, as its holder reads them. Names are the wire's, as JWT claims are.
 *
 * Does not: verify anything. Who receives a token from somebody else uses a verifier, or `validate`.
 */
import { z } from "zod";

const Link = z.looseObject({
  agent: z.string(),
  scope: z.array(z.string()),
  delegated_at: z.string(),
  signature: z.string().optional(),
});

export const AgentClaims = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  exp: z.number(),
  nbf: z.number(),
  iat: z.number(),
  jti: z.string(),
  scope: z.array(z.string()),
  task_id: z.string().default(""),
  orch_id: z.string().default(""),
  tenant: z.string().optional(),
  app_id: z.string().optional(),
  delegation_chain: z.array(Link).optional(),
  chain_hash: z.string().optional(),
  cnf: z.looseObject({ jkt: z.string().optional() }).optional(),
});

/** `exp nbf iat` are epoch seconds; `sub` is a SPIFFE id, `app:<app_id>` or `admin`. */
export type AgentClaims = z.infer<typeof AgentClaims>;
/** One hop of `delegation_chain`: who handed on, and the scope that it held. */
export type DelegationRecord = z.infer<typeof Link>;

/** The claims that a token speaks of, believed by nobody yet; undefined when it is no token. */
export function readClaims(token: string): AgentClaims | undefined {
  const body = token.split(".")[1];
  if (!body || token.length > 8192) return undefined;
  try {
    const parsed = AgentClaims.safeParse(JSON.parse(Buffer.from(body, "base64url").toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
