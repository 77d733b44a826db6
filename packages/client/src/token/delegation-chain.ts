/**
 * Checks how authority came down to the holder of a token: each hop's signature, the hash chain, who handed to whom, and that
 * nothing grew on the way.
 *
 * Guarantees: a chain of which a signed field was altered, a hop left out, added or swapped, or that leads to another
 * holder or scope than the token's, is refused. `delegated_at` is covered by the token's own signature alone.
 * Does not: look at that signature, nor say that the keys belonged to the delegators: the authority, which signs the
 * token, looked when it took the record in.
 */
import { DeputizeError, scopeIsSubset } from "@deputize/core/portable";
import { z } from "zod";
import { type Bytes, type CryptoBackend, utf8 } from "./crypto-backend.ts";
import { FIRST_RECORD, delegationStatement } from "./delegation-record.ts";

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const Scopes = z.array(z.string().min(1).max(512)).max(256);

const Link = z.object({
  agent: z.string().min(1).max(1024),
  scope: Scopes,
  delegated_at: z.iso.datetime({ offset: true }),
  signature: z.string().regex(/^[0-9a-f]{128}$/),
  delegate: z.string().min(1).max(1024),
  granted: Scopes,
  jti: z.string().regex(/^[0-9a-f]{32}$/),
  prev: Hash,
  key: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/)
    .optional(),
  kid: z.string().min(1).max(128).optional(),
});

/** `delegation_chain` of a token, first hop first. */
export const DelegationChain = z.array(Link).min(1).max(5);

const Subject = z.object({
  sub: z.string(),
  scope: z.array(z.string()),
  delegation_chain: DelegationChain.optional(),
  chain_hash: Hash.optional(),
  /** Root to leaf: each hop made one, so that a chain cannot be taken away whole. */
  grants: z.array(z.string()).min(1),
});

type Link = z.infer<typeof Link>;

/** The authority's published keys by `kid`: a Map, or anything that can be asked. */
export interface KeysByKid<Key> {
  get(kid: string): Key | undefined | Promise<Key | undefined>;
}

export interface ChainOptions {
  /**
   * For whoever has checked the token's own signature, which covers the chain: a hop that the authority signed with a key
   * it publishes no more is taken for what the token says. Otherwise such a hop is refused.
   */
  readonly tokenSignatureHolds?: boolean;
}

function refused(why: string): DeputizeError {
  return new DeputizeError("invalid_token", `the delegation chain does not hold: ${why}`);
}

function sameScopes(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((scope) => right.has(scope));
}

function fromHex(text: string): Bytes {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A raw key in padded base64 as `x` of its JWK; undefined when the text is not canonical. */
function toX(key: string): string | undefined {
  const x = key.slice(0, -1).replaceAll("+", "-").replaceAll("/", "_");
  // 43 digits hold two bits too many: they must be zero.
  return "AEIMQUYcgkosw048".includes(x.at(-1) ?? "") ? x : undefined;
}

function checkShape(chain: readonly Link[], token: { sub: string; scope: readonly string[] }): void {
  for (const [i, link] of chain.entries()) {
    const next = chain[i + 1];
    const [holder, holds] = next ? [next.agent, next.scope] : [token.sub, token.scope];
    if (link.delegate !== holder) throw refused("a hop leads to somebody else");
    if (!sameScopes(link.granted, holds)) throw refused("somebody holds another scope than was handed on");
    if (!scopeIsSubset(link.granted, link.scope)) throw refused("more was handed on than was held");
  }
}

/**
 * Throws `invalid_token` unless the chain in a token's claims holds; a token without hops has none and passes. `claims` are
 * those of an `agentwrit` token, `keys` the authority's published ones.
 */
export async function checkDelegationChain<Key>(
  backend: CryptoBackend<Key>,
  claims: unknown,
  keys: KeysByKid<Key>,
  options: ChainOptions = {},
): Promise<void> {
  const parsed = Subject.safeParse(claims);
  if (!parsed.success) throw refused("it is malformed");
  const { delegation_chain: chain, chain_hash: chainHash, ...token } = parsed.data;
  if ((chain?.length ?? 0) !== token.grants.length - 1) throw refused("it has not one hop for each grant");
  if (!chain) {
    if (chainHash !== undefined) throw refused("there is a hash and no chain");
    return;
  }
  checkShape(chain, token);

  let prev = FIRST_RECORD;
  for (const link of chain) {
    if (link.prev !== prev) throw refused("a hop does not follow the one before");
    const statement = utf8(
      delegationStatement({
        prev,
        delegator: link.agent,
        delegate: link.delegate,
        held: link.scope,
        scope: link.granted,
        jti: link.jti,
      }),
    );
    const key = await keyOf(backend, link, keys);
    if (key === undefined) {
      if (options.tokenSignatureHolds !== true) throw refused("a hop's key is not published");
    } else if (!(await backend.verifyEd25519(key, statement, fromHex(link.signature)))) {
      throw refused("a hop's signature is wrong");
    }
    prev = toHex(await backend.sha256(statement));
  }
  if (chainHash !== prev) throw refused("its hash is another");
}

async function keyOf<Key>(
  backend: CryptoBackend<Key>,
  link: Link,
  keys: KeysByKid<Key>,
): Promise<Key | undefined> {
  if ((link.key === undefined) === (link.kid === undefined)) throw refused("a hop names no one key");
  if (link.kid !== undefined) return keys.get(link.kid);
  const x = toX(link.key ?? "");
  if (x === undefined) throw refused("a hop's key is malformed");
  try {
    return await backend.importEd25519(x);
  } catch {
    throw refused("a hop's key is malformed");
  }
}
