import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { checkOut } from "./new-secret.ts";

const folder = mkdtempSync(join(tmpdir(), "deputize-out-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("tells before anything is made that the file for a secret cannot be, and leaves nothing behind", async () => {
  await checkOut({});
  await checkOut({ out: join(folder, "secret.json") });
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, "there"), "");
  for (const out of [
    join(folder, "no", "such.json"),
    join(folder, "there"),
    join(folder, "there", "x"),
    "/proc/no/x",
  ]) {
    await expect(checkOut({ out })).rejects.toMatchObject({ code: "config_invalid" });
  }
  expect(readdirSync(folder)).toEqual(["there"]);
});
