/** A transaction as the caller (sealed, row-level security) against a bare one that reads the same rows. */
import { openTestStore } from "@deputize/store/testing";
import { newId, parsePrincipalId, stableId } from "@deputize/core";
import { measure, report } from "./harness.ts";

export async function run(): Promise<void> {
  const store = await openTestStore([
    { name: "fixture", directory: new URL("../packages/store/test/fixture/", import.meta.url) },
  ]);
  try {
    const subject = parsePrincipalId(stableId("user:bench"));
    for (let i = 0; i < 1000; i += 1) {
      const owner = i % 100 === 0 ? subject : newId();
      await store.ownerQuery("INSERT INTO fixture.notes (id, owner, body) VALUES ($1, $2, 'x')", [
        newId(),
        owner,
      ]);
    }
    await store.ownerQuery("CREATE INDEX ON fixture.notes (owner)");
    const caller = {
      tenant: "default",
      subject,
      subjectKind: "user" as const,
      actors: [],
      roles: ["customer"],
      scopes: [],
      grants: [],
      clientId: "bench",
    };
    // The bare one does by hand, as a role that sees all, what the policy does for the other.
    await store.ownerQuery(
      `CREATE POLICY all_rows ON fixture.notes TO ${store.roleName("authority")} USING (true)`,
    );
    await store.ownerQuery(`GRANT USAGE ON SCHEMA fixture TO ${store.roleName("authority")}`);
    await store.ownerQuery(`GRANT SELECT ON fixture.notes TO ${store.roleName("authority")}`);
    const measured = await measure([
      {
        name: "bare: BEGIN; SELECT … WHERE owner = $1; COMMIT",
        run: async () => {
          const client = await store.pool("authority").connect();
          try {
            await client.query("BEGIN READ ONLY");
            await client.query("SELECT body FROM fixture.notes WHERE owner = $1", [subject]);
            await client.query("COMMIT");
          } finally {
            client.release();
          }
        },
      },
      {
        name: "as the caller: SELECT … (no filter)",
        run: () => store.asCaller(caller, (tx) => tx.query("SELECT body FROM fixture.notes")),
      },
      {
        name: "as the caller, with an indexed filter",
        run: () =>
          store.asCaller(caller, (tx) =>
            tx.query("SELECT body FROM fixture.notes WHERE owner = $1", [subject]),
          ),
      },
    ]);
    report(`caller's transaction (${store.kind}; budget ×0.50)`, measured);
  } finally {
    await store.close();
  }
}
