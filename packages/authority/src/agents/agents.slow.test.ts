/** What takes long: a hundred thousand agents, and keys that change while they are used. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import { type AgentsWorld, openAgentsWorld, queriesDuring } from "../testing/agents-world.ts";

const MANY = { points: 1_000_000, windowSeconds: 60 };

let the: AgentsWorld;
beforeAll(async () => {
  the = await openAgentsWorld({
    agentLimits: { signInByKey: MANY, signInByAgent: MANY, signInByOwner: MANY, signInByAddress: MANY },
  });
});
afterAll(() => the.close());

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly Plans?: readonly Plan[];
}

/** How the statement that finds a key is run: its scans, and how many pages it touched. */
async function costOfFinding(key: string, keyId: string): Promise<{ scans: string[]; pages: number }> {
  const [sql = ""] = await queriesDuring(the.world, () => the.login(`${key.slice(0, -4)}0000`));
  const text = sql.replaceAll("$1", `'${keyId}'`).replaceAll("$2", "now()");
  const explain = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`;
  await the.world.store.ownerQuery(explain);
  const { rows } = await the.world.store.ownerQuery<{ "QUERY PLAN": [{ Plan: Plan }] }>(explain);
  const scans: string[] = [];
  const visit = (plan: Plan): void => {
    if (plan["Relation Name"] !== undefined) scans.push(`${plan["Node Type"]} ${plan["Relation Name"]}`);
    plan.Plans?.forEach(visit);
  };
  const plan = rows[0]?.["QUERY PLAN"][0].Plan as Plan;
  visit(plan);
  return { scans, pages: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] };
}

describe("signing in among many", () => {
  it("costs the same at ten agents and at a hundred thousand [AA-F02] [AA-D01]", async () => {
    const agent = await the.agent("read_weather");
    for (let i = 0; i < 9; i += 1) await the.agent();
    await the.world.store.ownerQuery("ANALYZE authority.api_keys, authority.agents");
    const few = await costOfFinding(agent.key, agent.keyId);
    await the.world.store.ownerQuery(`
      WITH made AS (SELECT gen_random_uuid() AS id, n FROM generate_series(1, 100000) n),
      p AS (INSERT INTO authority.principals (tenant, id, kind, name, created)
        SELECT 'default', id, 'agent', 'Many' || n, now() FROM made),
      a AS (INSERT INTO authority.agents (principal_id, tenant, name, owner_email, built_in, created_at, confirmed_at)
        SELECT id, 'default', 'Many' || n, 'many@example.com', false, now(), now() FROM made)
      INSERT INTO authority.api_keys (id, tenant, principal_id, hash, created_at)
        SELECT gen_random_uuid(), 'default', id, sha256(id::text::bytea), now() FROM made`);
    await the.world.store.ownerQuery("ANALYZE authority.api_keys, authority.agents");
    const many = await costOfFinding(agent.key, agent.keyId);
    expect(many.scans.toSorted()).toEqual(["Index Scan agents", "Index Scan api_keys"]);
    // Two indexes of three levels and a row each; a scan would touch thousands.
    expect(few.pages).toBeLessThanOrEqual(10);
    expect(many.pages).toBeLessThanOrEqual(10);
    const unknown = await queriesDuring(the.world, () => the.login(`dpk_${randomHex(16)}_${randomHex(32)}`));
    const wrong = await queriesDuring(the.world, () => the.login(`${agent.key.slice(0, -4)}0000`));
    expect(unknown).toHaveLength(1);
    expect(wrong).toEqual(unknown);
    expect((await the.login(agent.key)).status).toBe(200);
  }, 180_000);

  it("goes on while strangers flood it [AA-D01]", async () => {
    const agent = await the.agent();
    const flood = Array.from({ length: 40 }, async (_, i) => {
      for (let n = 0; n < 50; n += 1)
        await the.login(`dpk_${randomHex(16)}_${randomHex(32)}`, {}, `203.0.113.${i % 8}`);
    });
    const statuses: number[] = [];
    for (let i = 0; i < 20; i += 1) statuses.push((await the.login(agent.key)).status);
    await Promise.all(flood);
    expect(new Set(statuses)).toEqual(new Set([200]));
  }, 180_000);
});

describe("an agent that only ever signs in anew", () => {
  it("fills no table: its idle sign-ins beyond two hundred end, those with a living token stay", async () => {
    const agent = await the.agent();
    const live = async (): Promise<number> => {
      const { rows } = await the.world.store.ownerQuery<{ n: number }>(
        "SELECT count(*)::int AS n FROM authority.sessions WHERE principal_id = $1 AND revoked_at IS NULL",
        [agent.id],
      );
      return rows[0]?.n ?? -1;
    };
    for (let i = 0; i < 220; i += 1) await the.login(agent.key);
    expect(await live()).toBe(220);
    await the.pass(16 * 60_000);
    const { access_token } = (await the.login(agent.key)).body;
    expect(await live()).toBe(201);
    expect(await the.stands(access_token)).toBe(true);
  }, 120_000);
});

describe("a key that changes under load", () => {
  it("fails no call: the old one works until every caller has the new one [AA-F05]", async () => {
    const agent = await the.agent("read_weather");
    let current = { key: agent.key, keyId: agent.keyId };
    let rotations = 0;
    let done = false;
    const outcomes: boolean[] = [];
    const failures: string[] = [];
    const caller = async (): Promise<void> => {
      // Each caller reads the key anew now and then, as from a file that an operator has replaced.
      let mine = current.key;
      for (let n = 0; !done; n += 1) {
        if (n % 5 === 0) mine = current.key;
        const signedIn = await the.login(mine);
        const refreshed = await the.refresh(signedIn.body.refresh_token);
        const good =
          signedIn.status === 200 &&
          refreshed.status === 200 &&
          (await the.stands(refreshed.body.access_token));
        outcomes.push(good);
        if (!good) failures.push(JSON.stringify([signedIn.body, refreshed.body]));
      }
    };
    const callers = Array.from({ length: 6 }, caller);
    while (rotations < 10) {
      const path = `/agents/${agent.id}/keys/${current.keyId}/rotate`;
      const made = await the.ada.send("POST", path, { overlap_seconds: 3600 });
      expect(made.status).toBe(201);
      current = { key: made.body.api_key, keyId: made.body.key_id };
      rotations += 1;
      const target = outcomes.length + 12;
      await expect.poll(() => outcomes.length, { timeout: 30_000, interval: 20 }).toBeGreaterThan(target);
    }
    done = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(120);
  }, 240_000);
});
