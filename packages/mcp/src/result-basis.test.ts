/** What a result says of what it rests on: versions from before the first reading, and nothing where that is not all [SR-22]. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { openEphemeral, readVersions } from "@deputize/store";
import { z } from "zod";
import { NOTE, type World, callerNamed, clientOf, openWorld, person } from "../test/world.ts";
import { META, MCPServer, publicTool } from "./index.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

const common = { description: "c", effect: "read", guards: [publicTool()], reads: "own" } as const;
const READ = "SELECT body FROM notes.note ORDER BY id";

const change = (id: string) =>
  world.store.ownerQuery("UPDATE notes.note SET version = version + 1 WHERE id = $1", [id]);

const present = () => world.store.asCaller(callerNamed("alice"), (tx) => readVersions(tx, ["notes"]));

/** `_meta` of a call of `name` by alice. */
async function told(server: MCPServer, name: string): Promise<Record<string, unknown>> {
  const result = await clientOf(server, "alice").callTool(name);
  expect(result.isError, JSON.stringify(result.content)).toBeFalsy();
  return result._meta ?? {};
}

describe("what a result rests on", () => {
  it("is told as versions of the declared tags, which end with a write of the caller's rows and nobody else's", async () => {
    const server = world.server();
    server.tool("list", { ...common, dataTags: ["notes"] }, async (_args, { db }) => ({
      notes: (await db.read((tx) => tx.query(READ))).rows,
    }));
    const first = await told(server, "list");
    expect(first).toMatchObject({ [META.effect]: "read", [META.versions]: await present() });
    await change(NOTE.bob);
    expect((await told(server, "list"))[META.versions]).toEqual(first[META.versions]);
    await change(NOTE.alice);
    expect((await told(server, "list"))[META.versions]).not.toEqual(first[META.versions]);
  });

  it("is what was before the first reading, though a write comes between it and the answer [SR-22]", async () => {
    const before = await present();
    const server = world.server();
    server.tool("slow", { ...common, dataTags: ["notes"] }, async (_args, { db }) => {
      await db.read((tx) => tx.query(READ));
      await change(NOTE.alice);
      const { rows } = await db.read((tx) => tx.query(READ));
      return { notes: rows };
    });
    expect((await told(server, "slow"))[META.versions]).toEqual(before);
    expect(await present()).not.toEqual(before);
  });

  it("is no newer than what readings beside the first one find", async () => {
    const server = world.server();
    const order: string[] = [];
    server.tool("beside", { ...common, dataTags: ["notes"] }, async (_args, { db }) => {
      await Promise.all(
        ["first", "second"].map((name) =>
          db.read(async (tx) => {
            order.push(`${name} reads`);
            await tx.query(READ);
          }),
        ),
      );
      return {};
    });
    const before = await present();
    expect((await told(server, "beside"))[META.versions]).toEqual(before);
    expect(order).toHaveLength(2);
  });

  it("is left out where the answer rests on more: an open case, session state, a tag that nothing tracks, nothing read", async () => {
    const server = world.server();
    const tags = { ...common, dataTags: ["notes"] };
    const about = person("bob");
    server.tool("undeclared", common, async (_args, { db }) => ({
      n: (await db.read((tx) => tx.query(READ))).rowCount,
    }));
    server.tool("case", tags, async (_args, { db, caseUsed }) => {
      await db.read((tx) => tx.query(READ));
      caseUsed({ id: "c", purpose: "p", about });
      return {};
    });
    server.tool("session", tags, async (_args, { db, session }) => {
      await db.read((tx) => tx.query(READ));
      return { seen: (await session.get("seen")) ?? null };
    });
    server.tool("misspelt", { ...common, dataTags: ["nots"] }, async (_args, { db }) => {
      await db.read((tx) => tx.query(READ));
      return {};
    });
    server.tool("unread", tags, () => ({}));
    for (const name of ["undeclared", "case", "session", "misspelt", "unread"]) {
      const meta = await told(server, name);
      expect(meta[META.effect], name).toBe("read");
      expect(meta, name).not.toHaveProperty([META.versions]);
    }
    server.tool("sum", { ...common, dataTags: [], input: {} }, () => ({ sum: 2 }));
    expect((await told(server, "sum"))[META.versions]).toEqual({});
  });

  it("says that a change was one, and takes no tags for it", async () => {
    const server = world.server();
    const write = {
      ...common,
      effect: "write",
      approval: { exempt: "test", evenUntrusted: true },
    } as const;
    server.tool("change", write, async (_args, { db }) => {
      await db.write((tx) => tx.query("UPDATE notes.note SET version = version + 1"));
      return {};
    });
    const meta = await told(server, "change");
    expect(meta[META.effect]).toBe("write");
    expect(meta).not.toHaveProperty([META.versions]);
    expect(() => server.tool("tagged", { ...write, dataTags: ["notes"] }, () => ({}))).toThrow(/dataTags/);
  });

  it("ends at the earliest time that the handler names", async () => {
    const server = world.server();
    server.tool("offer", { ...common, dataTags: [] }, (_args, { validUntil }) => {
      validUntil(Date.UTC(2027, 5));
      validUntil(Date.UTC(2027, 1));
      validUntil(Date.UTC(2027, 8));
      return {};
    });
    expect((await told(server, "offer"))[META.validUntil]).toBe("2027-02-01T00:00:00.000Z");
    server.tool("never", common, (_args, { validUntil }) => {
      validUntil(Number.NaN);
      return {};
    });
    expect((await clientOf(server, "alice").callTool("never")).isError).toBe(true);
  });

  it("of a kept result is that of when it was made", async () => {
    const ephemeral = await openEphemeral({ clock: manualClock(Date.UTC(2026, 0)) });
    const server = world.server({ ephemeral });
    const kept = {
      ...common,
      dataTags: ["notes"],
      cache: { ttlMs: 60_000 },
      input: { q: z.string().optional() },
    };
    server.tool("kept", kept, async (_args, { db }) => ({
      n: (await db.read((tx) => tx.query(READ))).rowCount,
    }));
    const first = await told(server, "kept");
    await change(NOTE.alice);
    expect((await told(server, "kept"))[META.versions]).toEqual(first[META.versions]);
    expect(await present()).not.toEqual(first[META.versions]);
  });
});
