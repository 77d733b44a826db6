/**
 * People: made by an operator, the seeder or sign-up; deactivated; given another role; erased.
 *
 * Guarantees: sign-up takes no role and answers the same for known and new addresses, after the same work; a
 * deactivated person's tokens, sessions and mandates end with the same commit, and a new role ends every token
 * that carries the old one [SR-12] [SH-D04].
 * Does not: prove that an address belongs to whoever signs up with it.
 * Attack answered: a role in the body [SH-D15], finding accounts by signing up [SH-D06].
 */
import { DeputizeError, type PrincipalId, newId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { assertStrongPassword } from "../credentials/password-policy.ts";
import type { PasswordHasher } from "../credentials/password.ts";
import { type AuthorityContext, DEFAULT_TENANT } from "../ports.ts";
import { endPerson } from "./end-person.ts";
import { type PersonEraser, createPersonEraser } from "./erase-person.ts";
import {
  PERSON_COLUMNS,
  PERSON_TABLES,
  type Person,
  type PersonRow,
  type Role,
  personFromRow,
} from "./person.ts";

/** The reason on grants that end because the person's role changed; a session may start a new root after it. */
export const ROLE_CHANGED = "role_changed";

export interface People extends PersonEraser {
  /**
   * Makes a person, or leaves an existing one with this id alone, but for giving a password to one who has none: the
   * seeder runs at each start. No password
   * policy, since demo accounts come from here; without a password nobody can sign in. Throws `conflict` when the
   * address belongs to somebody else.
   */
  create(person: {
    readonly id: PrincipalId;
    readonly email: string;
    readonly name: string;
    readonly role: Role;
    readonly password?: string;
    readonly tenant?: string;
  }): Promise<void>;
  /** Registers a customer; returns nothing, so that nothing can be told apart. Throws `validation_failed` for a weak password. */
  signUp(request: {
    readonly email: string;
    readonly name: string;
    readonly password: string;
  }): Promise<void>;
  get(id: PrincipalId, tenant?: string): Promise<Person | undefined>;
  findByEmail(email: string, tenant?: string): Promise<Person | undefined>;
  /**
   * Ends everything the person could do, and the tokens of the agents that they own. Throws `not_found`. `by` is who
   * decided it.
   */
  deactivate(id: PrincipalId, by: { readonly actor: PrincipalId; readonly tenant: string }): Promise<void>;
  /** Throws `not_found`, and `conflict` for somebody who was erased. */
  reactivate(id: PrincipalId, by: { readonly actor: PrincipalId; readonly tenant: string }): Promise<void>;
  /** Throws `not_found`. */
  changeRole(
    id: PrincipalId,
    role: Role,
    by: { readonly actor: PrincipalId; readonly tenant: string },
  ): Promise<void>;
}

export function createPeople(
  context: AuthorityContext,
  passwords: PasswordHasher,
  rememberSeconds: number,
): People {
  const { store, clock, audit, grants, principals } = context;
  const eraser = createPersonEraser({ store, audit, clock, rememberSeconds });
  const now = () => new Date(clock.nowMs());

  async function find(
    query: Queryable,
    where: "p.principal_id" | "p.email",
    value: string,
    tenant: string,
  ): Promise<Person | undefined> {
    const { rows } = await query.query<PersonRow>(
      `SELECT ${PERSON_COLUMNS} FROM ${PERSON_TABLES} WHERE p.tenant = $1 AND ${where} = $2`,
      [tenant, value],
    );
    return rows[0] && personFromRow(rows[0]);
  }

  /** False when the address is taken; then nothing was written. */
  async function insert(person: {
    id: PrincipalId;
    tenant: string;
    email: string;
    name: string;
    role: Role;
    hash: string | undefined;
    addressVouched: boolean;
    action: string;
  }): Promise<boolean> {
    return store.transaction("authority", async (tx) => {
      // The address is locked before the principal is made, so that of two sign-ups one writes nothing at all.
      const taken = await tx.query("SELECT 1 FROM authority.people p WHERE p.tenant = $1 AND p.email = $2", [
        person.tenant,
        person.email,
      ]);
      if (taken.rows.length > 0) return false;
      await principals.create(tx, {
        id: person.id,
        kind: "user",
        tenant: person.tenant,
        name: person.name,
      });
      const made = await tx.query(
        `INSERT INTO authority.people (principal_id, tenant, email, name, role, created_at, updated_at, address_vouched)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT DO NOTHING`,
        [person.id, person.tenant, person.email, person.name, person.role, now(), person.addressVouched],
      );
      if (made.rowCount === 0) throw new AddressTaken();
      if (person.hash !== undefined) {
        await tx.query(
          "INSERT INTO authority.passwords (tenant, principal_id, hash, changed_at) VALUES ($1, $2, $3, $4)",
          [person.tenant, person.id, person.hash, now()],
        );
      }
      await audit.record(tx, {
        action: person.action,
        outcome: "allowed",
        tenant: person.tenant,
        subject: person.id,
        detail: { role: person.role },
      });
      return true;
    });
  }

  /** Gives a password to a person who has none and was not erased; one that is there stays. */
  async function givePassword(id: PrincipalId, tenant: string, password: string): Promise<void> {
    const held = await store.pool("authority").query(
      `SELECT 1 FROM authority.passwords WHERE tenant = $1 AND principal_id = $2
         UNION ALL SELECT 1 FROM authority.people WHERE tenant = $1 AND principal_id = $2 AND erased_at IS NOT NULL`,
      [tenant, id],
    );
    if (held.rows.length > 0) return;
    const hash = await passwords.hash(password);
    await store.transaction("authority", async (tx) => {
      const given = await tx.query(
        `INSERT INTO authority.passwords (tenant, principal_id, hash, changed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING`,
        [tenant, id, hash, now()],
      );
      if (given.rowCount === 0) return;
      await audit.record(tx, { action: "person.password_given", outcome: "allowed", tenant, subject: id });
    });
  }

  async function change(
    id: PrincipalId,
    by: { actor: PrincipalId; tenant: string },
    action: string,
    work: (tx: Parameters<Parameters<typeof store.transaction>[1]>[0]) => Promise<unknown>,
    detail: Record<string, unknown> = {},
  ): Promise<void> {
    await store.transaction("authority", async (tx) => {
      if (!(await find(tx, "p.principal_id", id, by.tenant)))
        throw new DeputizeError("not_found", "no such person");
      await work(tx);
      await audit.record(tx, {
        action,
        outcome: "allowed",
        tenant: by.tenant,
        subject: by.actor,
        about: [id],
        detail,
      });
    });
  }

  return {
    async create({ id, email, name, role, password, tenant = DEFAULT_TENANT }) {
      const pool = store.pool("authority");
      if (await find(pool, "p.principal_id", id, tenant)) {
        if (password !== undefined) await givePassword(id, tenant, password);
        return;
      }
      const hash = password === undefined ? undefined : await passwords.hash(password);
      try {
        const made = { id, tenant, email, name, role, hash, addressVouched: true, action: "person.created" };
        if (await insert(made)) return;
      } catch (error) {
        // Another process made the very same person since we looked, or somebody took the address.
        if (await find(pool, "p.principal_id", id, tenant)) return;
        if (!(error instanceof AddressTaken)) throw error;
      }
      if (!(await find(pool, "p.principal_id", id, tenant)))
        throw new DeputizeError("conflict", "the address belongs to another person");
    },
    async signUp({ email, name, password }) {
      assertStrongPassword(password, { email, name });
      // Before looking: the work of a known address is that of a new one.
      const hash = await passwords.hash(password);
      const id = newId(clock) as PrincipalId;
      try {
        await insert({
          id,
          tenant: DEFAULT_TENANT,
          email,
          name,
          role: "customer",
          hash,
          addressVouched: false,
          action: "person.signed_up",
        });
      } catch (error) {
        if (!(error instanceof AddressTaken)) throw error;
      }
    },
    get: (id, tenant = DEFAULT_TENANT) => find(store.pool("authority"), "p.principal_id", id, tenant),
    findByEmail: (email, tenant = DEFAULT_TENANT) => find(store.pool("authority"), "p.email", email, tenant),
    deactivate: (id, by) =>
      change(id, by, "person.deactivated", (tx) =>
        endPerson(tx, { principals, grants, now: now() }, { tenant: by.tenant, id }),
      ),
    reactivate: (id, by) =>
      change(id, by, "person.reactivated", async (tx) => {
        const erased = await tx.query(
          "SELECT 1 FROM authority.people WHERE tenant = $1 AND principal_id = $2 AND erased_at IS NOT NULL",
          [by.tenant, id],
        );
        if (erased.rows.length > 0) throw new DeputizeError("conflict", "this person was erased");
        await principals.reactivate(tx, { tenant: by.tenant, id });
      }),
    erase: eraser.erase,
    agentsOf: eraser.agentsOf,
    changeRole: (id, role, by) =>
      change(
        id,
        by,
        "person.role_changed",
        async (tx) => {
          await principals.bumpEpoch(tx, { tenant: by.tenant, id }, ROLE_CHANGED);
          await tx.query(
            "UPDATE authority.people SET role = $3, updated_at = $4 WHERE tenant = $1 AND principal_id = $2",
            [by.tenant, id, role, now()],
          );
        },
        { role },
      ),
  };
}

/** Rolls back an insert that lost the race for its address. */
class AddressTaken extends Error {}
