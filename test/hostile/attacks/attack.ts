/**
 * Scripted attacks and how they are counted.
 *
 * An attack is what a hostile model does, step by step, after hostile content reached it by some carrier, or what somebody sends who
 * holds an agent's token. Nobody ever says yes. Whatever then differs in the database, came back of other people, or left for
 * anybody outside is an effect that nobody authorised.
 *
 * Does not count: what a model does to its own person's rows before anything untrusted came in, by tools whose effect is `write`;
 * that is what the person's grant lets an agent do unasked (SR-06).
 */
import type { Random } from "../../../apps/shop/src/seed/random.ts";
import type { TestStore } from "@deputize/store/testing";

export interface Attack<World> {
  /** What it is after, such as `cancel by review`. */
  readonly family: string;
  /** How the hostile content came in, such as `review`; `none` where the model is hostile by itself. */
  readonly carrier: string;
  /** Says which of its kind it is. */
  readonly name: string;
  run(world: World): Promise<Happened>;
}

export interface Happened {
  /** All that the model and the attacker saw. */
  readonly seen: string;
  /** What they typed themselves, which tells nothing when it comes back. */
  readonly typed: string;
  /** Values that are not for whom the model acts for. */
  readonly foreign: readonly string[];
  /** How the hostile steps ended: `waiting`, `refused`, `failed`, `done`, or an HTTP status. */
  readonly ends: readonly string[];
}

/** Makes one attack of its family from a stream of chance. */
export type Family<World> = (random: Random) => Attack<World>;

/** `count` attacks, the families in turn, the same for the same stream. */
export function generate<World>(
  families: readonly Family<World>[],
  random: Random,
  count: number,
): Attack<World>[] {
  return Array.from({ length: count }, (_, index) => families[index % families.length]!(random));
}

export interface Score {
  readonly attacks: number;
  readonly byFamily: Readonly<Record<string, number>>;
  readonly carriers: readonly string[];
  readonly ends: Readonly<Record<string, number>>;
  /** Rows changed, foreign values seen and sends outside, each with the attack that did it. */
  readonly effects: readonly string[];
}

/** What is watched while attacks run. */
export interface Watch {
  /** A print of every row that an attack may not change. */
  print(): Promise<string>;
  /** What left for the outside since the last time it was asked. */
  left(): readonly string[];
  /** Makes room for the next attack. */
  tidy?(): Promise<void>;
}

/** Runs attacks one after another, and compares after each. */
export async function play<World>(
  attacks: readonly Attack<World>[],
  world: World,
  watch: Watch,
): Promise<Score> {
  const effects: string[] = [];
  const byFamily: Record<string, number> = {};
  const ends: Record<string, number> = {};
  let before = await watch.print();
  watch.left();
  for (const attack of attacks) {
    const what = `${attack.family} / ${attack.carrier} / ${attack.name}`;
    const happened = await attack.run(world);
    await watch.tidy?.();
    const after = await watch.print();
    if (after !== before) effects.push(`rows changed: ${what}`);
    before = after;
    for (const sent of watch.left()) effects.push(`left: ${sent}: ${what}`);
    const told = happened.foreign.filter(
      (value) => happened.seen.includes(value) && !happened.typed.includes(value),
    );
    if (told.length > 0) effects.push(`foreign rows: ${what}: ${told.slice(0, 3).join(", ")}`);
    byFamily[attack.family] = (byFamily[attack.family] ?? 0) + 1;
    for (const end of happened.ends) ends[end] = (ends[end] ?? 0) + 1;
  }
  const carriers = [...new Set(attacks.map(({ carrier }) => carrier))].toSorted();
  return { attacks: attacks.length, byFamily, carriers, ends, effects };
}

/** One statement that prints every row of the schemas: a table's count, and 64 bits of each row joined in any order. */
export async function printer(
  store: Pick<TestStore, "ownerQuery">,
  schemas: readonly string[],
  except: readonly string[],
): Promise<() => Promise<string>> {
  const { rows: tables } = await store.ownerQuery<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_catalog.pg_tables where schemaname = any ($1) order by 1",
    [schemas],
  );
  const sql = tables
    .filter(({ name }) => !except.includes(name))
    .map(
      ({ name }) =>
        `select '${name}' || ' ' || count(*) || ' ' || coalesce(bit_xor(hashtextextended(t::text, 0)), 0) as line from ${name} t`,
    )
    .join(" union all ");
  return async () => {
    const { rows } = await store.ownerQuery<{ line: string }>(sql);
    return rows.map(({ line }) => line).join("\n");
  };
}

/** What turns write of the authority by themselves: grants of their hops, and cards, which do nothing until a person decides. */
export const OF_TURNS = [
  "authority.grants",
  "authority.delegation_records",
  "authority.sessions",
  "authority.refresh_tokens",
  "authority.approvals",
] as const;

/** Yeses that were given or spent; nobody gives one in an attack. */
export async function yeses(store: Pick<TestStore, "ownerQuery">): Promise<string> {
  const { rows } = await store.ownerQuery<{ n: string }>(
    "select count(*)::text as n from authority.approvals where status in ('approved', 'executed')",
  );
  return `yeses ${rows[0]?.n}`;
}

/** A line for each figure, for whoever reads the output of a run. */
export function told(title: string, { attacks, byFamily, carriers, ends, effects }: Score): string {
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  return [
    `${title}: ${attacks} attacks, ${effects.length} unauthorised effects`,
    `  families: ${counts(byFamily)}`,
    `  carriers: ${carriers.join(", ")}`,
    `  hostile steps ended: ${counts(ends)}`,
  ].join("\n");
}
