/**
 * The demo's seed in its two halves: rows of the shop, which only the database's owner may write, before anything serves;
 * people and their permissions, which only the authority may make, once it stands.
 *
 * Guarantees: cut off anywhere, the next start does what is missing. A permission that a person gave up stays given up: its
 * row is still there, and only pairs that never had one are made.
 */
import { type Clock, type PrincipalId, parsePrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { type Role, people, permittedAgents, personNamed } from "../seed/data/people.ts";
import { seedShop } from "../seed/seed-shop.ts";
import { AGENTS, agentId } from "./policy.ts";

export interface SeedPlan {
  /** False when the shop had been seeded before. */
  readonly seeded: boolean;
  /** Pairs of person and agent that had a permission at some time, as `person:agent`. */
  readonly permittedOnce: ReadonlySet<string>;
  readonly demoAccounts: boolean;
}

export interface SeedRowsOptions {
  /** True only while nobody but this machine can reach us [SR-26]. */
  readonly demoAccounts: boolean;
  readonly clock: Clock;
  readonly onProgress?: (step: string) => void;
}

/** What the seed asks of the authority; `Authority` fits. */
export interface SeedAuthority {
  readonly people: {
    /** Makes the person, or leaves an existing one alone. */
    create(person: {
      readonly id: PrincipalId;
      readonly email: string;
      readonly name: string;
      readonly role: Role;
      readonly password?: string;
    }): Promise<unknown>;
  };
  readonly permissions: {
    grant(permission: {
      readonly person: PrincipalId;
      readonly agent: PrincipalId;
      readonly grantedBy: PrincipalId;
    }): Promise<unknown>;
  };
}

/** Writes the shop's rows as the owner; for `prepare` of `openStore`. */
export async function seedRows(owner: Queryable, options: SeedRowsOptions): Promise<SeedPlan> {
  const { rows } = await owner.query<{ pair: string }>(
    "select person_id || ':' || agent_id as pair from authority.agent_permissions",
  );
  const seeded = await seedShop(owner, options);
  return { seeded, permittedOnce: new Set(rows.map((row) => row.pair)), demoAccounts: options.demoAccounts };
}

/** Makes the people and the permissions that are missing. */
export async function seedPeople(authority: SeedAuthority, plan: SeedPlan): Promise<void> {
  const grantedBy = parsePrincipalId(personNamed("admin.demo").id);
  for (const { id, email, name, role, demoPassword } of people) {
    await authority.people.create({
      id: parsePrincipalId(id),
      email,
      name,
      role,
      ...(plan.demoAccounts && { password: demoPassword }),
    });
  }
  for (const person of people) {
    const names = permittedAgents(person).filter((name) => (AGENTS as readonly string[]).includes(name));
    for (const name of names) {
      if (plan.permittedOnce.has(`${person.id}:${agentId(name)}`)) continue;
      await authority.permissions.grant({
        person: parsePrincipalId(person.id),
        agent: agentId(name),
        grantedBy,
      });
    }
  }
}
