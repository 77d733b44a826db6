/**
 * Callers whom somebody else vouches for (tokens of an identity provider, of a shared secret, API keys), linked to principals
 * of the authority and put on a grant of it.
 *
 * Guarantees
 *   * A verified identity is a caller only while the principal that it links to is active; else it is `invalid_token`. Without a
 *     link of one's own that is the principal with the caller's id, which is made of issuer and subject: the same `sub` of two
 *     issuers is two (SR-09).
 *   * Every caller stands on a root grant for this audience that ends with the credential: the operator sees it, a write
 *     checks it, and what ends it (revocation, suspension, a new role) ends the credential here, with the next request, at every
 *     replica, for good (SR-12, SR-13).
 *   * Roles are those that the authenticator let through, or fewer.
 * Does not: let an outside token act for somebody (`act`): who acts for a person is the authority's to say, by exchange.
 * Attack answered: a revoked outsider who comes back with the same token after a restart.
 */
import { createHash } from "node:crypto";
import {
  type Caller,
  DeputizeError,
  type GrantId,
  type PrincipalId,
  type PrincipalKind,
  isDeputizeError,
  parseScope,
} from "@deputize/core";
import type { Store } from "@deputize/store";
import type { GrantCore } from "../authority.ts";
import { type LiveLink, createLinkCache } from "./link-cache.ts";

/** What is wrapped: any authenticator of a tool server fits. */
export interface OutsideAuthenticator {
  authenticate(request: Request): Promise<Caller>;
  claimsOf?(caller: Caller): Readonly<Record<string, unknown>> | undefined;
}

type Claims = Readonly<Record<string, unknown>>;

export interface LinkedCallersOptions {
  readonly store: Store;
  readonly authority: Pick<GrantCore, "grants" | "clock" | "revocation">;
  /** The address of the tool server, which is what the grants are for. */
  readonly audience: string;
  /** The principal whom an identity stands for, or nobody; the one with the caller's own id unless told. */
  readonly principalOf?: (
    outside: Caller,
    claims: Claims,
  ) => PrincipalId | undefined | Promise<PrincipalId | undefined>;
  /** The roles that a caller has here at present. A credential can hold fewer, never more. */
  readonly rolesOf?: (linked: Caller) => readonly string[] | Promise<readonly string[]>;
  /** The authority's word for a scope of elsewhere, such as `read` → `read:orders:*`. Grants hold no scope without one. */
  readonly scopes?: Readonly<Record<string, string>>;
}

/** The longest that a root grant may last; a credential without an end of its own ends with it. */
const MAX_SECONDS = 366 * 86_400;

interface LinkRow {
  readonly kind: PrincipalKind;
  readonly alive: boolean | null;
  readonly grant_id: GrantId | null;
  /** Null once the grant was forgotten. */
  readonly expires_at: Date | null;
}

interface Link extends LiveLink {
  readonly kind: PrincipalKind;
}

/**
 * The authenticator, with each caller linked and on a grant. `authenticate` throws what the authenticator does, and
 * `invalid_token` for whom it links to nobody, or to somebody suspended, or whose grant has ended.
 */
export function linkedCallers<A extends OutsideAuthenticator>(auth: A, options: LinkedCallersOptions): A {
  const { store, audience, scopes = {} } = options;
  const { grants, clock, revocation } = options.authority;
  const linkNow = createLinkCache<Link>({ revocation, clock });
  const outsides = new WeakMap<Caller, Caller>();

  async function linkOf(subject: PrincipalId, outside: Caller): Promise<LinkRow | undefined> {
    const { rows } = await store.pool("authority").query<LinkRow>(
      `SELECT p.kind, l.grant_id, g.expires_at, authority.alive(p.tenant, ARRAY[l.grant_id], ARRAY[p.id], $4) AS alive
       FROM authority.principals p
       LEFT JOIN authority.linked_grants l ON l.tenant = p.tenant AND l.subject = p.id AND l.credential = $3
       LEFT JOIN authority.grants g ON g.tenant = l.tenant AND g.id = l.grant_id
       WHERE p.tenant = $1 AND p.id = $2 AND p.state = 'active'`,
      [outside.tenant, subject, credentialOf(outside, audience), new Date(clock.nowMs()).toISOString()],
    );
    return rows[0];
  }

  /** Makes the grant, unless another request has made it meanwhile; that one counts. */
  async function makeGrant(subject: PrincipalId, outside: Caller): Promise<void> {
    const now = Math.floor(clock.nowMs() / 1000);
    const ttlSeconds = Math.min(Math.floor((outside.token?.expiresAt ?? Infinity) - now), MAX_SECONDS);
    if (ttlSeconds < 1) throw new DeputizeError("invalid_token", "the token has expired");
    try {
      await store.transaction("authority", async (tx) => {
        const grant = await grants.createRoot(tx, {
          kind: "session",
          tenant: outside.tenant,
          subject,
          actor: subject,
          clientId: outside.clientId,
          scopes: [...new Set(outside.scopes.flatMap((scope) => scopes[scope] ?? ownWord(scope)))],
          audiences: [audience],
          ttlSeconds,
        });
        const { rowCount } = await tx.query(
          `INSERT INTO authority.linked_grants (tenant, subject, credential, grant_id, credential_ends)
           VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
          [outside.tenant, subject, credentialOf(outside, audience), grant.id, endOf(outside)],
        );
        if (rowCount === 0) throw new AlreadyLinked();
      });
    } catch (error) {
      if (!(error instanceof AlreadyLinked)) throw error;
    }
  }

  async function look(subject: PrincipalId, outside: Caller): Promise<Link | undefined> {
    let link = await linkOf(subject, outside);
    if (link && link.grant_id === null) {
      await makeGrant(subject, outside);
      link = await linkOf(subject, outside);
    }
    if (!link?.grant_id || !link.expires_at || link.alive !== true) return undefined;
    return { kind: link.kind, grant: link.grant_id, expiresAt: link.expires_at.getTime() };
  }

  async function grantedTo(subject: PrincipalId, outside: Caller): Promise<Link> {
    const credential = credentialOf(outside, audience).toString("base64");
    const link = await linkNow(JSON.stringify([outside.tenant, subject, credential]), () =>
      look(subject, outside),
    );
    if (link) return link;
    throw new DeputizeError("invalid_token", "the token names nobody here, or was taken back");
  }

  return {
    ...auth,
    claimsOf: (caller: Caller) => auth.claimsOf?.(outsides.get(caller) ?? caller),
    authenticate: async (request: Request): Promise<Caller> => {
      const outside = await auth.authenticate(request);
      if (outside.actors.length > 0)
        throw new DeputizeError("invalid_token", "exchange the token at the authority to act for somebody");
      const subject = options.principalOf
        ? await options.principalOf(outside, auth.claimsOf?.(outside) ?? {})
        : outside.subject;
      if (!subject) throw new DeputizeError("invalid_token", "the token names nobody here");
      const { kind, grant } = await grantedTo(subject, outside);
      const linked: Caller = { ...outside, subject, subjectKind: kind, grants: [grant] };
      const held = options.rolesOf ? await options.rolesOf({ ...linked, roles: [] }) : outside.roles;
      const caller = { ...linked, roles: held.filter((role) => outside.roles.includes(role)) };
      outsides.set(caller, outside);
      return caller;
    },
  };
}

class AlreadyLinked extends Error {}

/** Scopes in the authority's own spelling stand for themselves. */
function ownWord(scope: string): string[] {
  try {
    parseScope(scope);
    return [scope];
  } catch (error) {
    if (isDeputizeError(error)) return [];
    throw error;
  }
}

/** When the credential ends by itself; null where it does not. */
function endOf({ token }: Caller): string | null {
  const end = token?.expiresAt;
  return end === undefined || !Number.isFinite(end) ? null : new Date(end * 1000).toISOString();
}

/**
 * What names a credential: a token by its id where it has one, a key by its client and end, since a process may know
 * its keys under other names than the one before.
 */
function credentialOf({ subject, clientId, token }: Caller, audience: string): Buffer {
  const id = token && token.apiKey === undefined ? token.jti : "";
  const name = id === "" ? [clientId, token?.expiresAt ?? null] : [id];
  return createHash("sha256")
    .update(JSON.stringify([audience, subject, ...name]))
    .digest();
}
