/**
 * Who is calling the desk.
 *
 * Guarantees
 *   * Everybody is a person of the authority, in one tenant, active. A token of one's own (`jwtAuth`) names such a person
 *     by address, and the address is one that somebody vouched for; its `sub` alone is nobody (SR-09).
 *   * Roles are what `desk.staff` says, read for every request; a token of one's own can hold fewer, never more.
 *   * Every caller stands on a grant of the authority (`linkedCallers`), which ends with the token.
 * Does not: open cases for tokens of one's own. A case belongs to a sign-in at the authority (SR-04).
 * Attack answered: a token of another tenant, of a person who has left, or with `admin` written into it.
 */
import { type Authority, linkedCallers } from "deputize/authority";
import type { Caller } from "deputize/core";
import type { Authenticator } from "deputize/mcp";
import type { Store } from "deputize/store";

export interface IdentityOptions {
  readonly store: Store;
  readonly authority: Pick<Authority, "people" | "grants" | "clock" | "revocation">;
  /** The address of the tool server, which is what its grants are for. */
  readonly audience: string;
}

/** The authority's words for the scopes of tokens of one's own. */
const SCOPES: Readonly<Record<string, string>> = {
  read: "read:desk:*",
  write: "write:desk:*",
  "billing:read": "read:billing:*",
  "billing:write": "write:billing:*",
};

/** The roles that the caller has at the desk at present. */
async function rolesOf(store: Store, caller: Caller): Promise<readonly string[]> {
  const { rows } = await store.asCaller({ ...caller, roles: [] }, (tx) =>
    tx.query<{ roles: string[] }>("SELECT roles FROM desk.staff WHERE person_id = $1", [caller.subject]),
  );
  return rows[0]?.roles ?? [];
}

/** Callers by tokens of the authority, with their roles at the desk. */
export function staffRoles(auth: Authenticator, { store }: IdentityOptions): Authenticator {
  return {
    ...auth,
    authenticate: async (request) => {
      const caller = await auth.authenticate(request);
      return { ...caller, roles: await rolesOf(store, caller) };
    },
  };
}

/** Callers by tokens of one's own, whose `sub` is a person's address, or by keys, whose client id is. */
export function linkedPeople(
  auth: Authenticator,
  { store, authority, audience }: IdentityOptions,
): Authenticator {
  return linkedCallers(auth, {
    store,
    authority,
    audience,
    scopes: SCOPES,
    principalOf: async ({ tenant }, { sub: address }) => {
      const person =
        typeof address === "string" ? await authority.people.findByEmail(address, tenant) : undefined;
      return person?.addressVouched ? person.id : undefined;
    },
    rolesOf: (linked) => rolesOf(store, linked),
  });
}
