/**
 * Two people deciding about one agent at the same moment. On a server both wait for the same lock, in a known order; the
 * embedded database has one connection and takes them one after the other.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testDatabaseUrl } from "@deputize/store/testing";
import { type AgentsWorld, PEOPLE, openAgentsWorld } from "../testing/agents-world.ts";
import { untilWaiting } from "../testing/until-waiting.ts";

let the: AgentsWorld;
beforeAll(async () => {
  the = await openAgentsWorld();
});
afterAll(() => the.close());

/** Holds the agent's principal while both arrive, in this order; answers what each was told. */
async function together(agentId: string, ...requests: readonly (() => Promise<{ status: number }>)[]) {
  const begun: Promise<{ status: number }>[] = [];
  if (testDatabaseUrl === undefined) {
    for (const request of requests) {
      begun.push(request());
      await begun.at(-1);
    }
    return (await Promise.all(begun)).map(({ status }) => status);
  }
  await the.world.store.transaction("authority", async (tx) => {
    await tx.query("SELECT 1 FROM authority.principals WHERE id = $1 FOR UPDATE", [agentId]);
    for (const request of requests) {
      begun.push(request());
      await untilWaiting(the.world.store, begun.length);
    }
  });
  return (await Promise.all(begun)).map(({ status }) => status);
}

async function ofAlice(): Promise<string> {
  const made = await the.alice.send("POST", "/agents/register", {
    agent_name: `Raced${Date.now()}`,
    owner_email: PEOPLE.alice.email,
  });
  return made.body["agent_id"] as string;
}

const status = async (id: string) => (await the.ada.send("GET", `/agents/${id}`)).body["status"];

describe("an agent that two people decide about at once", () => {
  it("stays suspended when its owner resumes it while an administrator suspends it [AA-D03] [SR-13]", async () => {
    const id = await ofAlice();
    await the.alice.send("POST", `/agents/${id}/suspend`);
    const told = await together(
      id,
      () => the.ada.send("POST", `/agents/${id}/suspend`),
      () => the.alice.send("POST", `/agents/${id}/resume`),
    );
    expect(told).toEqual([200, 403]);
    expect(await status(id)).toBe("suspended");
  });

  it("is not its owner's to resume when they suspended it a moment after an administrator [AA-D03] [SR-13]", async () => {
    const id = await ofAlice();
    await together(
      id,
      () => the.ada.send("POST", `/agents/${id}/suspend`),
      () => the.alice.send("POST", `/agents/${id}/suspend`),
    );
    expect((await the.alice.send("POST", `/agents/${id}/resume`)).status).toBe(403);
  });
});
