/** A person's profile, as the authority keeps it and as HTTP shows it to the person. */
import type { PrincipalId } from "@deputize/core";
import { z } from "zod";

export const ROLES = ["customer", "power_user", "seller", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface Person {
  readonly id: PrincipalId;
  readonly tenant: string;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  readonly state: "active" | "suspended";
  /** False where the person typed the address at sign-up and nobody vouched for it. */
  readonly addressVouched: boolean;
}

/** Printable text of one line; it ends up in pages, cards and logs. */
export const nameSchema = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u, "holds characters that cannot be shown");

/** What HTTP answers about the person who is signed in. */
export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
}

export function userView(person: Person): UserView {
  return { id: person.id, email: person.email, name: person.name, role: person.role };
}

export interface PersonRow {
  id: string;
  tenant: string;
  email: string;
  name: string;
  role: string;
  state: string;
  address_vouched: boolean;
}

export function personFromRow(row: PersonRow): Person {
  return {
    id: row.id as PrincipalId,
    tenant: row.tenant,
    email: row.email,
    name: row.name,
    role: row.role as Role,
    state: row.state === "active" ? "active" : "suspended",
    addressVouched: row.address_vouched,
  };
}

/** The columns of `PersonRow`, from `authority.people p` joined with `authority.principals pr`. */
export const PERSON_COLUMNS =
  "p.principal_id AS id, p.tenant, p.email, p.name, p.role, p.address_vouched, pr.state";
export const PERSON_TABLES =
  "authority.people p JOIN authority.principals pr ON pr.tenant = p.tenant AND pr.id = p.principal_id";
