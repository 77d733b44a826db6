import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import { type MigrationSet, migrate } from "./migrate.ts";
import { LOGIN_ROLES, generateStoreSecrets, roleName } from "./roles.ts";
import { openStore } from "./store.ts";
import { type TestStore, openTestStore, testDatabaseUrl } from "./testing.ts";

const fixture: MigrationSet = { name: "fixture", directory: new URL("../test/fixture/", import.meta.url) };
let store: TestStore;
const folder = mkdtempSync(join(tmpdir(), "deputize-migrations-"));
const sets: MigrationSet[] = [{ name: "mine", directory: pathToFileURL(`${folder}/`) }];
const run = (secrets = store.secrets) =>
  store.asOwner((owner) =>
    migrate(owner, {
      sets,
      rolePrefix: store.roleName("app").replace(/_app$/, ""),
      secrets,
    }),
  );

beforeAll(async () => {
  store = await openTestStore([]);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await store?.close();
});

describe("migrating", () => {
  it("applies each file once, in order", async () => {
    writeFileSync(join(folder, "0002_second.sql"), "INSERT INTO deputize.list VALUES (2)");
    writeFileSync(join(folder, "0001_first.sql"), "CREATE TABLE deputize.list (n int)");
    expect(await run()).toEqual(["mine/0001_first.sql", "mine/0002_second.sql"]);
    expect(await run()).toEqual([]);
    expect((await store.ownerQuery("SELECT n FROM deputize.list")).rows).toEqual([{ n: 2 }]);
  });

  it("leaves nothing of a file that fails, and says which and why", async () => {
    writeFileSync(join(folder, "0003_bad.sql"), "CREATE TABLE deputize.half (n int); SELECT nonsense");
    await expect(run()).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("mine/0003_bad.sql"),
    });
    expect((await store.ownerQuery("SELECT to_regclass('deputize.half') AS found")).rows).toEqual([
      { found: null },
    ]);
    rmSync(join(folder, "0003_bad.sql"));
  });

  it("refuses the secrets of another installation before it changes a password or the seal", async () => {
    await expect(run(generateStoreSecrets())).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("another secrets file"),
    });
    const { rows } = await store.pool("app").query("SELECT current_user AS name");
    expect(rows).toEqual([{ name: store.roleName("app") }]);
  });

  it("refuses a file that changed after it was applied", async () => {
    writeFileSync(join(folder, "0001_first.sql"), "CREATE TABLE deputize.list (n bigint)");
    await expect(run()).rejects.toMatchObject({
      message: expect.stringContaining("changed after it was applied"),
    });
  });
});

const serverUrl = testDatabaseUrl;
if (serverUrl) {
  it("works for an owner who is no superuser", async () => {
    const name = `t_${randomHex(6)}`;
    const server = new pg.Client({ connectionString: serverUrl });
    await server.connect();
    await server.query(`CREATE ROLE ${name} LOGIN CREATEROLE PASSWORD '${name}'`);
    await server.query(`CREATE DATABASE ${name} OWNER ${name}`);
    try {
      const url = new URL(serverUrl);
      url.username = name;
      url.password = name;
      url.pathname = `/${name}`;
      const open = () => openStore({ url: url.href, rolePrefix: name, secrets, migrations: [fixture] });
      const secrets = generateStoreSecrets();
      await (await open()).close();
      const again = await open();
      const { rows } = await again.pool("app").query("SELECT body FROM fixture.notes");
      expect(rows).toEqual([]);
      await again.close();
    } finally {
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      for (const role of LOGIN_ROLES) await server.query(`DROP ROLE IF EXISTS ${roleName(name, role)}`);
      await server.query(`DROP ROLE ${name}`);
      await server.end();
    }
  });
}
