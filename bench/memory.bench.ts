/** What recalling memories costs, at 100,000 of them. */
import { VectorProvider, agentMigrations, hashedNgrams, signatureOf } from "@deputize/agent";
import { type Caller, newId, parsePrincipalId, stableId } from "@deputize/core";
import { openTestStore } from "@deputize/store/testing";
import { measure, report } from "./harness.ts";

const ALL = 100_000;
const OWN = [100, 1_000];
const DISTINCT = 2_000;

const person = (name: string): Caller => ({
  tenant: "default",
  subject: parsePrincipalId(stableId(`user:${name}`)),
  subjectKind: "user",
  actors: [],
  roles: ["customer"],
  scopes: [],
  grants: [],
  clientId: "bench",
});

/** `--full`: with one person who has all 100,000, far beyond what `maxPerPerson` lets them keep unless it is raised. */
export async function run({ full }: { full: boolean }): Promise<void> {
  const store = await openTestStore([agentMigrations]);
  try {
    const embedder = hashedNgrams();
    const texts = Array.from({ length: DISTINCT }, (_, n) => `likes number ${n} of ${(n * 7) % 97} teas`);
    const vectors = await Promise.all(texts.map((text) => embedder.embed(text)));
    const given = [
      texts,
      vectors.map((vector) => `{${vector.map(Math.fround).join(",")}}`),
      vectors.map(signatureOf),
    ];
    const fill = (owner: string, count: number): Promise<unknown> =>
      store.asOwner(async (db) => {
        await db.query("ALTER TABLE agent.memories DISABLE ROW LEVEL SECURITY");
        await db.query(
          `INSERT INTO agent.memories (tenant, owner, id, content, label, act, shared, embedder, embedding, created, updated, signature)
           SELECT 'default', ${owner}, gen_random_uuid(), g.t, NULL, 'turn', false, $1, g.v::real[], now(), now(), g.s::bit(1024)
           FROM generate_series(1, $2::int) n
           JOIN unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS g (t, v, s, at) ON g.at = 1 + n % ${DISTINCT}`,
          [embedder.name, count, ...given],
        );
        await db.query("ALTER TABLE agent.memories ENABLE ROW LEVEL SECURITY");
      });
    const people = [...OWN, ...(full ? [ALL] : [])].map((count) => ({
      count,
      caller: person(`with ${count}`),
    }));
    for (const { count, caller } of people) await fill(`'${caller.subject}'::uuid`, count);
    // A thousand others, so that there are as many rows as there are to be.
    await fill(`md5((n % 1000)::text)::uuid`, ALL - OWN.reduce((sum, count) => sum + count, 0));
    await store.ownerQuery("ANALYZE agent.memories");

    const { rows } = await store.ownerQuery("SELECT 1 FROM pg_extension WHERE extname = 'vector'");
    const provider = new VectorProvider(store, { embedder, maxPerPerson: ALL });
    const measured = await measure(
      people.map(({ count, caller }) => ({
        name: `recall of 5 among a person's ${count.toLocaleString("en")}`,
        run: () => provider.search(caller, `which tea, ${newId()}?`, { limit: 5, minScore: 0.1 }),
      })),
      { inFlight: 1 },
    );
    const how = rows.length > 0 ? "with the vector extension" : "compared in SQL";
    report(`memory: ${ALL.toLocaleString("en")} of 1,000 people (${store.kind}, ${how})`, measured);
  } finally {
    await store.close();
  }
}
