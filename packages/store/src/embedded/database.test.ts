import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmbeddedDatabase, whyItDoesNotOpen } from "./database.ts";
import { lockFolder } from "./lock.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-embedded-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the embedded database", () => {
  it("keeps what was committed when its thread is killed, and serves the next", async () => {
    const database = await EmbeddedDatabase.open(folder);
    await database.ownerQuery("CREATE TABLE kept (n int)");
    await database.ownerQuery("INSERT INTO kept VALUES (1)");
    const { client, release } = await database.borrow(undefined);
    const endless = client.query("SELECT count(*) FROM generate_series(1, 1000000000)");
    await Promise.all([expect(endless).rejects.toThrow(), database.kill()]);
    release();
    expect((await database.ownerQuery("SELECT n FROM kept")).rows).toEqual([{ n: 1 }]);
    await database.close();
  });

  it("refuses a folder that another process has open, and says the fix", async () => {
    const database = await EmbeddedDatabase.open(folder);
    await expect(EmbeddedDatabase.open(folder)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("in use by another process"),
    });
    await database.close();
    const again = await EmbeddedDatabase.open(folder);
    await again.close();
  });

  it("refuses a path that is no folder", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await expect(EmbeddedDatabase.open(file)).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("a database that does not open", () => {
  it("says that the disk is full when it is, and never to delete a folder that only needs space", () => {
    expect(whyItDoesNotOpen("/data", 0)).toMatch(/disk that holds \/data is full; free/);
    expect(whyItDoesNotOpen("/data", 0)).not.toContain("--reset");
    expect(whyItDoesNotOpen("/data", 10 ** 9)).toContain("--reset");
  });
});

describe("the folder's lock", () => {
  it("is let go of when its holder is killed", async () => {
    const lock = new URL("./lock.ts", import.meta.url).href;
    const holder = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      `import { lockFolder } from ${JSON.stringify(lock)};
       await lockFolder(${JSON.stringify(folder)}); console.log("held"); setInterval(() => {}, 1000)`,
    ]);
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: "config_invalid" });
    const gone = new Promise((resolve) => holder.once("exit", resolve));
    holder.kill("SIGKILL");
    await gone;
    const release = await lockFolder(folder);
    await release();
  });
});
