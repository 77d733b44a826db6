/** What a call says when the commit itself is slow, or its answer is lost. */
import { DeputizeError } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import { describe, expect, it } from "vitest";
import { clientOf, testAuth } from "../test/world.ts";
import { MCPServer, META, memoryAudit, publicTool } from "./index.ts";

const TX = { query: () => Promise.resolve({ rows: [], rowCount: 0 }) } as unknown as Tx;

/** A store whose transactions end as told, after the work was done. */
function storeThat(commits: () => Promise<void>): Store {
  const asCaller = async <T>(_caller: unknown, work: (tx: Tx) => Promise<T>): Promise<T> => {
    const value = await work(TX);
    await commits();
    return value;
  };
  return { asCaller } as unknown as Store;
}

function world(commits: () => Promise<void>) {
  const audit = memoryAudit();
  const server = new MCPServer({ name: "s", auth: testAuth, store: storeThat(commits), audit });
  const common = {
    description: "c",
    effect: "write",
    guards: [publicTool()],
    approval: { exempt: "test", evenUntrusted: true },
  } as const;
  server.tool("change", { ...common, timeoutMs: 100 }, async (_args, { db }) => {
    await db.write(async () => undefined);
    return { done: true };
  });
  server.tool("twice", common, async (_args, { db }) => {
    await db.write(async () => undefined);
    await db.write(async () => undefined);
    return {};
  });
  server.tool("nested", common, async (_args, { db }) => {
    await db.write(() => db.read(async () => undefined));
    return {};
  });
  return { audit, client: clientOf(server, "alice") };
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("the effect of a call", () => {
  it("is reported as made when the deadline passes during the commit [SR-16]", async () => {
    const { audit, client } = world(() => wait(300));
    const result = await client.callTool("change");
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toMatch(/the change was made/);
    expect(audit.entries).toMatchObject([{ outcome: "allowed", id: result._meta?.[META.entryId] }]);
  });

  it("is logged as unknown when the commit's answer is lost [SR-18]", async () => {
    const { audit, client } = world(() =>
      Promise.reject(new DeputizeError("unavailable", "the database went away")),
    );
    const result = await client.callTool("change");
    expect(result.structuredContent?.["error"]).toMatchObject({ code: "unavailable" });
    expect(audit.entries.at(-1)).toMatchObject({ outcome: "failed", reason: "commit_unknown" });
  });

  it("is one: a second write is refused, and the first stands", async () => {
    const { audit, client } = world(() => Promise.resolve());
    const result = await client.callTool("twice");
    expect(result.content[0]?.text).toMatch(/the change was made/);
    expect(audit.entries).toHaveLength(1);
  });

  it("cannot nest another transaction inside of its own [SR-16]", async () => {
    const { client } = world(() => Promise.resolve());
    expect((await client.callTool("nested")).structuredContent?.["error"]).toMatchObject({
      code: "internal",
    });
  });
});
