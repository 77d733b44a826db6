/** Effects on a real store: whose rows, which approvals, and what commits together. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { NOTE, type World, clientOf, openWorld } from "../test/world.ts";
import { type MCPServer, META, type ToolCallResult, hasScope, owns, requireAuth } from "./index.ts";

let world: World;
let server: MCPServer;
let duringWork: () => Promise<void> | void = () => {};

beforeAll(async () => {
  world = await openWorld();
  server = world.server();
  const guards = [requireAuth()];
  const note = { note_id: z.string() };
  server.tool(
    "all_notes",
    { description: "Forgets its filter", effect: "read", guards },
    async (_args, { db }) => {
      const { rows } = await db.read((tx) =>
        tx.query<{ body: string }>("SELECT body FROM notes.note ORDER BY body"),
      );
      return { bodies: rows.map((row) => row.body) };
    },
  );
  server.tool(
    "sneaky_read",
    { description: "Writes in a read", effect: "read", guards },
    async (_args, { db }) => {
      await db.read((tx) => tx.query("UPDATE notes.note SET body = 'stolen'"));
      return {};
    },
  );
  server.tool(
    "get_note",
    {
      description: "One note",
      effect: "read",
      guards,
      input: note,
      argumentGuards: [
        owns(
          "note_id",
          async (tx, id) =>
            (await tx.query("SELECT FROM notes.note WHERE id::text = $1", [id])).rowCount === 1,
        ),
      ],
    },
    () => ({ handler: "ran" }),
  );
  server.tool(
    "edit_note",
    { description: "Changes a note", effect: "write", guards, input: { ...note, body: z.string() } },
    async ({ note_id, body }, { db }) => {
      await db.write(async (tx) => {
        await tx.query("UPDATE notes.note SET body = $2, version = version + 1 WHERE id = $1", [
          note_id,
          body,
        ]);
        await duringWork();
      });
      return { done: true };
    },
  );
  server.tool(
    "slow_edit",
    {
      description: "Comes back late",
      effect: "write",
      guards,
      approval: { exempt: "test of time", evenUntrusted: true },
      timeoutMs: 150,
      input: note,
    },
    async ({ note_id }, { db }) => {
      if (note_id === NOTE.alice) await new Promise((resolve) => setTimeout(resolve, 300));
      await db.write(async (tx) => {
        await tx.query("UPDATE notes.note SET body = 'late' WHERE id = $1", [note_id]);
        await new Promise((resolve) => setTimeout(resolve, 300));
      });
      return {};
    },
  );
  server.tool(
    "delete_note",
    {
      description: "Deletes a note",
      effect: "sensitive",
      guards: [hasScope("delete:notes:*")],
      input: note,
      output: z.object({ deleted: z.number() }),
      preview: async ({ note_id }, tx) => {
        const { rows } = await tx.query<{ body: string; version: number }>(
          "SELECT body, version FROM notes.note WHERE id = $1",
          [note_id],
        );
        return { summary: `Delete “${rows[0]?.body ?? "nothing"}”`, rows: { note: rows[0]?.version ?? 0 } };
      },
    },
    async ({ note_id }, { db }) => {
      const gone = await db.write(async (tx) => {
        const { rowCount } = await tx.query("DELETE FROM notes.note WHERE id = $1", [note_id]);
        await duringWork();
        return rowCount ?? 0;
      });
      return { deleted: gone };
    },
  );
});

beforeEach(() => {
  world.events.length = 0;
  duringWork = () => {};
});
afterAll(() => world.close());

const alice = () => clientOf(server, "alice/delete:notes:*");
const bodyOf = async (id: string) => (await world.notes()).find((n) => n.id === id)?.body;
const codeOf = (result: ToolCallResult) =>
  (result.structuredContent?.["error"] as { code: string } | undefined)?.code;
const approvalOf = (result: ToolCallResult) =>
  result._meta?.[META.approval] as { id: string; summary: string } | undefined;
const TRUSTED = { [META.context]: { integrity: "trusted" } };

describe("a call that is sent again under its id", () => {
  const edit = (who: ReturnType<typeof alice>, meta: Record<string, unknown>, body: string) =>
    who.callTool("edit_note", { note_id: NOTE.alice2, body }, { ...TRUSTED, ...meta });

  it("has its effect once, for that agent and person, when its run outlives its process [SR-14]", async () => {
    const meta = { [META.callId]: "call-of-a-lasting-run", [META.once]: true };
    expect((await edit(alice(), meta, "first")).isError).not.toBe(true);
    const again = await edit(alice(), meta, "second");
    expect(codeOf(again)).toBe("conflict");
    expect(await bodyOf(NOTE.alice2)).toBe("first");
    // Another person's call of that id is another call.
    expect(codeOf(await edit(clientOf(server, "bob"), meta, "theirs"))).not.toBe("conflict");
    // An effect that was rolled back has not been.
    const failing = { ...meta, [META.callId]: "rolled-back" };
    duringWork = () => {
      throw new Error("no");
    };
    expect((await edit(alice(), failing, "third")).isError).toBe(true);
    duringWork = () => {};
    expect((await edit(alice(), failing, "third")).isError).not.toBe(true);
    expect(await bodyOf(NOTE.alice2)).toBe("third");
  });

  it("is a call like any other without that", async () => {
    const meta = { [META.callId]: "plain" };
    await edit(alice(), meta, "one");
    await edit(alice(), meta, "two");
    expect(await bodyOf(NOTE.alice2)).toBe("two");
    await edit(alice(), {}, "note of alice2");
  });
});

describe("rows belong to the caller", () => {
  it("gives a tool that forgets its filter only the caller's rows [SR-02]", async () => {
    const mine = await alice().callTool("all_notes");
    const his = await clientOf(server, "bob").callTool("all_notes");
    expect(mine.structuredContent).toEqual({ bodies: ["note of alice", "note of alice2"] });
    expect(his.structuredContent).toEqual({ bodies: ["note of bob"] });
  });

  it("refuses a write in a read tool at the database [SR-03]", async () => {
    const result = await alice().callTool("sneaky_read");
    expect(result.isError).toBe(true);
    expect(await bodyOf(NOTE.alice)).toBe("note of alice");
  });

  it("answers a foreign and a missing id alike, before the handler [PR-D05] [PR-D27]", async () => {
    const strip = (result: ToolCallResult) =>
      JSON.stringify(result).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
    const foreign = await alice().callTool("get_note", { note_id: NOTE.bob });
    const missing = await alice().callTool("get_note", { note_id: "00000000-0000-4000-8000-000000000000" });
    expect(codeOf(foreign)).toBe("not_found");
    expect(strip(foreign)).toBe(strip(missing));
    expect((await alice().callTool("get_note", { note_id: NOTE.alice })).structuredContent).toEqual({
      handler: "ran",
    });
  });
});

describe("a write in an untrusted context", () => {
  it("waits when the context is untrusted, or when nobody says what it is [SR-06]", async () => {
    const args = { note_id: NOTE.alice, body: "injected" };
    for (const meta of [
      {},
      { [META.context]: { integrity: "untrusted" } },
      { [META.context]: { integrity: "TRUSTED" } },
    ]) {
      const result = await alice().callTool("edit_note", args, meta);
      expect(approvalOf(result)?.id).toBeDefined();
      expect(result.isError).toBe(false);
    }
    expect(await bodyOf(NOTE.alice)).toBe("note of alice");
    expect(world.events.map((e) => [e.outcome, e.reason])).toEqual(
      Array.from({ length: 3 }, () => ["info", "approval_required"]),
    );
  });

  it("runs at once in a trusted context, with its entry in the same transaction [SR-18]", async () => {
    const result = await alice().callTool("edit_note", { note_id: NOTE.alice, body: "edited" }, TRUSTED);
    expect(await bodyOf(NOTE.alice)).toBe("edited");
    expect(world.events).toHaveLength(1);
    expect(world.events[0]).toMatchObject({
      action: "tool.call",
      outcome: "allowed",
      id: result._meta?.[META.entryId],
    });
  });

  it("forgets the results of its tenant when it is committed, and only then [PR-F22]", async () => {
    const own = world.server({ name: "cached" });
    const guards = [requireAuth()];
    let reads = 0;
    own.tool("count", { description: "c", effect: "read", guards, cache: { ttlMs: 60_000 } }, () => ({
      reads: (reads += 1),
    }));
    own.tool("touch", { description: "t", effect: "write", guards }, async (_args, { db }) => {
      await db.write(async (tx) => {
        await tx.query("UPDATE notes.note SET version = version");
        await duringWork();
      });
      return {};
    });
    const bob = clientOf(own, "bob");
    const count = async () => (await bob.callTool("count")).structuredContent?.["reads"];
    expect([await count(), await count()]).toEqual([1, 1]);
    duringWork = () => Promise.reject(new Error("rolled back"));
    expect(codeOf(await clientOf(own, "alice").callTool("touch", {}, TRUSTED))).toBe("internal");
    expect(await count()).toBe(1);
    duringWork = () => {};
    expect(codeOf(await clientOf(own, "alice").callTool("touch", {}, TRUSTED))).toBeUndefined();
    expect([await count(), await count()]).toEqual([2, 2]);
  });

  it("changes nothing when the entry cannot be written [PR-D20]", async () => {
    const broken = world.server({
      audit: { append: world.audit.append, record: () => Promise.reject(new Error("disk full")) },
    });
    broken.tool(
      "edit",
      { description: "Edits", effect: "write", guards: [requireAuth()] },
      async (_args, { db }) => {
        await db.write((tx) => tx.query("UPDATE notes.note SET body = 'unlogged'"));
        return {};
      },
    );
    const result = await clientOf(broken, "bob").callTool("edit", {}, TRUSTED);
    expect(codeOf(result)).toBe("audit_unavailable");
    expect(JSON.stringify(result)).not.toContain("disk full");
    expect(await bodyOf(NOTE.bob)).toBe("note of bob");
  });

  it("changes nothing when the handler is late, before or inside of its transaction [SR-16]", async () => {
    for (const note_id of [NOTE.alice, NOTE.alice2]) {
      expect(codeOf(await alice().callTool("slow_edit", { note_id }))).toBe("timeout");
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await world.notes()).filter((n) => n.body === "late")).toEqual([]);
    expect(world.events.map((e) => [e.outcome, e.reason])).toEqual(
      Array.from({ length: 2 }, () => ["failed", "timeout"]),
    );
  });
});

describe("a sensitive call", () => {
  const args = { note_id: NOTE.alice2 };
  const ask = async (callId: string) =>
    approvalOf(await alice().callTool("delete_note", args, { ...TRUSTED, [META.callId]: callId }));
  const act = (approval: string | undefined, callId: string, changed = args) =>
    alice().callTool("delete_note", changed, {
      ...TRUSTED,
      [META.callId]: callId,
      [META.approvalId]: approval,
    });

  it("waits for a person even in a trusted context, and shows what will happen [SR-06]", async () => {
    const approval = await ask("c1");
    expect(approval?.summary).toBe("Delete “note of alice2”");
    expect(await bodyOf(NOTE.alice2)).toBe("note of alice2");
  });

  it("refuses an approval that is pending, rejected, invented or another person's [SR-15]", async () => {
    const pending = await ask("c2");
    expect(codeOf(await act(pending?.id, "c2"))).toBe("approval_invalid");
    await world.decide(pending?.id ?? "", "rejected");
    expect(codeOf(await act(pending?.id, "c2"))).toBe("approval_invalid");
    expect(codeOf(await act("00000000-0000-4000-8000-000000000000", "c2"))).toBe("approval_invalid");
    const approved = await ask("c3");
    await world.decide(approved?.id ?? "", "approved");
    const meta = { ...TRUSTED, [META.callId]: "c3", [META.approvalId]: approved?.id };
    const bob = clientOf(server, "bob/delete:notes:*");
    expect(codeOf(await bob.callTool("delete_note", args, meta))).toBe("approval_invalid");
    expect(await bodyOf(NOTE.alice2)).toBe("note of alice2");
  });

  it("asks again, and does nothing, when the call, an argument or a row changed after the yes [SR-15]", async () => {
    const approval = await ask("c5");
    await world.decide(approval?.id ?? "", "approved");
    const otherArgument = await act(approval?.id, "c5", { note_id: NOTE.alice });
    expect(approvalOf(otherArgument)?.id).not.toBe(approval?.id);
    const otherCall = await act(approval?.id, "c5b");
    expect(approvalOf(otherCall)?.id).not.toBe(approval?.id);
    await world.store.ownerQuery("UPDATE notes.note SET version = version + 1 WHERE id = $1", [NOTE.alice2]);
    const otherRow = await act(approval?.id, "c5");
    expect(approvalOf(otherRow)?.id).toBeDefined();
    expect(await world.notes()).toHaveLength(3);
  });

  it("does not spend the approval when the work fails [SR-15]", async () => {
    const approval = await ask("c6");
    await world.decide(approval?.id ?? "", "approved");
    duringWork = () => {
      throw new Error("password=hunter2 in a stack");
    };
    const failed = await act(approval?.id, "c6");
    expect(codeOf(failed)).toBe("internal");
    expect(JSON.stringify(failed)).not.toContain("hunter2");
    const { rows } = await world.store.ownerQuery("SELECT status FROM notes.approval WHERE id = $1", [
      approval?.id,
    ]);
    expect(rows).toEqual([{ status: "approved" }]);
    expect(await bodyOf(NOTE.alice2)).toBe("note of alice2");
  });

  it("happens once: approved, done, and never again [SR-15]", async () => {
    const approval = await ask("c7");
    await world.decide(approval?.id ?? "", "approved");
    world.events.length = 0;
    const results = await Promise.all([
      act(approval?.id, "c7"),
      act(approval?.id, "c7"),
      act(approval?.id, "c7"),
    ]);
    expect(results.filter((r) => r.structuredContent?.["deleted"] === 1)).toHaveLength(1);
    expect(await bodyOf(NOTE.alice2)).toBeUndefined();
    expect(world.events.filter((e) => e.outcome === "allowed")).toMatchObject([{ approval: approval?.id }]);
    expect(world.events).toHaveLength(3);
  });
});
