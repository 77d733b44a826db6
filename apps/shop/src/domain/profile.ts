/**
 * Who the caller is to the shop: identity from the authority, tier and spend from the shop.
 *
 * Guarantees: the person is the caller's subject, never an argument.
 */
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { Profile } from "../shapes.ts";

/** The authority's side: who a principal is. `authority.people.get` fits. */
export interface PeopleDirectory {
  get(
    id: PrincipalId,
  ): Promise<
    { readonly id: string; readonly email: string; readonly name: string; readonly role: string } | undefined
  >;
}

interface CustomerRow {
  loyalty_tier: string;
  total_spend: number;
  orders: number;
}

/** What the shop keeps of a customer; a person who has never shopped is a bronze customer without orders. */
export async function readCustomer(tx: Queryable, caller: Caller): Promise<CustomerRow> {
  const { rows } = await tx.query<CustomerRow>(
    `select c.loyalty_tier, c.total_spend,
            (select count(*)::int from shop.orders o where o.user_id = c.principal_id) as orders
     from shop.customers c where c.principal_id = $1`,
    [caller.subject],
  );
  return rows[0] ?? { loyalty_tier: "bronze", total_spend: 0, orders: 0 };
}

/** Puts the two halves together. Throws `not_found` when the authority does not know the subject as a person. */
export async function profileOf(
  people: PeopleDirectory,
  caller: Caller,
  customer: CustomerRow,
): Promise<Profile> {
  const person = await people.get(caller.subject);
  if (!person) throw new DeputizeError("not_found", "only people have a profile");
  const { id, email, name, role } = person;
  return Profile.parse({ id, email, name, role, ...customer });
}
