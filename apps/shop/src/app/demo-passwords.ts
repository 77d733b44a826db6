/**
 * Takes the demo's passwords away before strangers can reach the shop.
 *
 * Guarantees: data that were made on loopback may be served beyond it later, and the passwords that stand in this
 * repository then open nothing: they are gone before anything serves, and so are the sessions and tokens that they made [SR-26].
 * Back on loopback the seeder gives them again.
 * Attack answered: signing in to a public shop as `admin.demo` with the password from the read-me.
 */
import type { Authority } from "@deputize/authority";
import { type PrincipalId, parsePrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { people } from "../seed/data/people.ts";
import { serviceId } from "./policy.ts";

/** As the owner, in `prepare`. Answers whose password was taken. */
export async function withdrawDemoPasswords(owner: Queryable): Promise<PrincipalId[]> {
  const ids = people.map((person) => person.id);
  await owner.query(
    `update authority.sessions set revoked_at = now()
     where revoked_at is null and principal_id in (select principal_id from authority.passwords where principal_id = any ($1::uuid[]))`,
    [ids],
  );
  const { rows } = await owner.query<{ principal_id: string }>(
    "delete from authority.passwords where principal_id = any ($1::uuid[]) returning principal_id",
    [ids],
  );
  return rows.map((row) => parsePrincipalId(row.principal_id));
}

/** Ends what those people's sign-ins had made: grants, and the tokens of every hop. */
export async function endDemoSignIns(
  authority: Pick<Authority, "people" | "tenant">,
  ids: readonly PrincipalId[],
): Promise<void> {
  const by = { actor: serviceId("shop-api"), tenant: authority.tenant };
  for (const id of ids) {
    if ((await authority.people.get(id))?.state !== "active") continue;
    await authority.people.deactivate(id, by);
    await authority.people.reactivate(id, by);
  }
}
