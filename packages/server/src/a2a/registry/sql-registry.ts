/** The registry in the database, for all replicas; schema `registry`, which the role of tools cannot reach [SR-03]. */
import { sqlState, type Store } from "@deputize/store";
import {
  type AgentState,
  type ListedAgent,
  type RegistryStore,
  listedAlready,
  tooMany,
} from "./registry-store.ts";

interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly owner_id: string;
  readonly name: string;
  readonly url: string;
  readonly card_url: string | null;
  readonly card: unknown;
  readonly kid: string;
  readonly skills: string[];
  readonly state: AgentState;
  readonly failures: number;
  readonly registered: Date;
  readonly checked: Date;
  readonly next_check: Date;
}

const COLUMNS =
  "id, tenant, owner_id, name, url, card_url, card, kid, skills, state, failures, registered, checked, next_check";
const UNIQUE_VIOLATION = "23505";
const at = (ms: number): string => new Date(ms).toISOString();

function listed(row: Row): ListedAgent {
  const { owner_id: owner, card_url: cardUrl, registered, checked, next_check: next, ...rest } = row;
  return {
    ...rest,
    owner,
    ...(cardUrl !== null && { cardUrl }),
    registered: registered.getTime(),
    checked: checked.getTime(),
    nextCheck: next.getTime(),
  };
}

/** Keeps the agents in the database; `serverMigrations` makes the table. */
export function sqlRegistry(store: Store): RegistryStore {
  const query = (sql: string, values: readonly unknown[]) =>
    store.pool("authority").query<Row>(sql, [...values]);
  return {
    async add(agent, most) {
      try {
        await store.transaction("authority", async (tx) => {
          // One owner's registrations wait for one another, so that the count holds.
          await tx.query("select from registry.agents where tenant = $1 and owner_id = $2 for update", [
            agent.tenant,
            agent.owner,
          ]);
          const { rows } = await tx.query<{ n: number }>(
            "select count(*)::int as n from registry.agents where tenant = $1 and owner_id = $2",
            [agent.tenant, agent.owner],
          );
          if ((rows[0]?.n ?? 0) >= most) throw tooMany(most);
          await tx.query(
            `insert into registry.agents (${COLUMNS})
             values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13, $14)`,
            [
              agent.id,
              agent.tenant,
              agent.owner,
              agent.name,
              agent.url,
              agent.cardUrl ?? null,
              JSON.stringify(agent.card),
              agent.kid,
              agent.skills,
              agent.state,
              agent.failures,
              at(agent.registered),
              at(agent.checked),
              at(agent.nextCheck),
            ],
          );
        });
      } catch (error) {
        if (sqlState(error) === UNIQUE_VIOLATION) throw listedAlready();
        throw error;
      }
    },

    async list(tenant, { skill, states, after, limit }) {
      const { rows } = await query(
        `select ${COLUMNS} from registry.agents where tenant = $1 and state = any($2)
           and ($3::text is null or skills @> array[$3::text])
           and ($4::text is null or name > $4 collate "C")
         order by name collate "C" limit $5`,
        [tenant, states, skill ?? null, after ?? null, limit],
      );
      return rows.map(listed);
    },

    async find(tenant, id) {
      const { rows } = await query(`select ${COLUMNS} from registry.agents where tenant = $1 and id = $2`, [
        tenant,
        id,
      ]);
      return rows[0] && listed(rows[0]);
    },

    async remove(tenant, owner, id) {
      const { rowCount } = await query(
        "delete from registry.agents where tenant = $1 and owner_id = $2 and id = $3",
        [tenant, owner, id],
      );
      return rowCount === 1;
    },

    async takeDue(now, until, limit) {
      const { rows } = await query(
        `update registry.agents set next_check = $2 where id in (
           select id from registry.agents where next_check <= $1 order by next_check limit $3 for update skip locked)
         returning ${COLUMNS}`,
        [at(now), at(until), limit],
      );
      return rows.map(listed);
    },

    async record(id, { state, failures, checked, nextCheck, card, kid, skills }) {
      await query(
        `update registry.agents set state = $2, failures = $3, checked = $4, next_check = $5,
           card = coalesce($6::jsonb, card), kid = coalesce($7, kid), skills = coalesce($8::text[], skills)
         where id = $1`,
        [
          id,
          state,
          failures,
          at(checked),
          at(nextCheck),
          card === undefined ? null : JSON.stringify(card),
          kid ?? null,
          skills ?? null,
        ],
      );
    },
  };
}
