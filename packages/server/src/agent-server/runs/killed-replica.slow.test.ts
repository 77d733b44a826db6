/** `kill -9` of a replica in the middle of runs: each ends once, whoever follows misses and doubles nothing, and no tool is called twice. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentMigrations } from "@deputize/agent";
import { randomHex } from "@deputize/core";
import { type TestStore, openTestStore, testDatabaseUrl } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serverMigrations } from "../../a2a/task-store.ts";
import {
  type Replica,
  type ReplicaOrder,
  type ToldEvent,
  followRun,
  replicaToken,
  startReplica,
} from "../testing/replicas.ts";

if (testDatabaseUrl !== undefined) {
  describe("a replica that is killed", () => {
    const folder = mkdtempSync(join(tmpdir(), "deputize-replicas-"));
    const secret = randomHex(32);
    let store: TestStore;
    let replicas: Replica[];
    let order: ReplicaOrder;
    beforeAll(async () => {
      store = await openTestStore([agentMigrations, serverMigrations]);
      order = {
        url: store.url ?? "",
        secrets: store.secrets,
        rolePrefix: store.roleName("app").replace(/_app$/, ""),
        secret,
        effects: join(folder, "effects"),
        pieces: 40,
        pieceMs: 150,
        concurrent: 6,
        leaseMs: 3_000,
      };
      replicas = await Promise.all([1, 2, 3].map(() => startReplica(order)));
    }, 120_000);
    afterAll(async () => {
      await Promise.all((replicas ?? []).map((one) => one.kill("SIGKILL")));
      await store?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const effects = (): string[] =>
      existsSync(order.effects) ? readFileSync(order.effects, "utf8").trimEnd().split("\n") : [];
    const start = async (url: string, bearer: string, message: string): Promise<string> => {
      const response = await fetch(`${url}/v1/runs`, {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        body: JSON.stringify({ message }),
      });
      expect(response.status).toBe(201);
      return ((await response.json()) as { data: { run_id: string } }).data.run_id;
    };
    const isWhole = (events: readonly ToldEvent[]): void => {
      expect(events.map(({ id }) => id)).toEqual(events.map((_, at) => at + 1));
      expect(events.filter(({ event }) => event === "done")).toHaveLength(1);
    };

    it("had runs that end once, and runs that had not begun, which begin elsewhere, once", async () => {
      const [doomed, two, three] = replicas as [Replica, Replica, Replica];
      const bearer = await replicaToken(secret, "ann");
      const names = Array.from({ length: 12 }, (_, n) => `killed ${n}`);
      // Six run, six stand in the queue.
      const ids: string[] = [];
      for (const name of names) ids.push(await start(doomed.url, bearer, name));
      const urls = [doomed.url, two.url, three.url];
      const following = ids.map((runId, n) =>
        followRun({
          runId,
          bearer,
          // Half of them follow from another replica from the beginning.
          urls: () => (n % 2 === 0 ? urls : [two.url, three.url]),
          deadlineMs: 90_000,
        }),
      );
      await expect.poll(() => effects().length, { timeout: 20_000 }).toBe(6);
      await new Promise((resolve) => setTimeout(resolve, 700));
      await doomed.kill("SIGKILL");
      const all = await Promise.all(following);
      for (const [n, events] of all.entries()) {
        isWhole(events);
        const status = events.at(-1)?.data["status"];
        if (n < 6) {
          expect(status).toBe("failed");
          expect(events.at(-2)).toMatchObject({ event: "error", data: { code: "RUN_INTERRUPTED" } });
        } else expect(status).toBe("succeeded");
      }
      expect(effects().toSorted()).toEqual(names.toSorted());
    }, 180_000);

    it("is told to go down first, and lets its runs end", async () => {
      const [, two, three] = replicas as [Replica, Replica, Replica];
      const bearer = await replicaToken(secret, "bea");
      const runId = await start(two.url, bearer, "graceful");
      const events = followRun({ runId, bearer, urls: () => [three.url], deadlineMs: 60_000 });
      await expect.poll(() => effects(), { timeout: 20_000 }).toContain("graceful");
      await two.kill("SIGTERM");
      isWhole(await events);
      expect((await events).at(-1)?.data["status"]).toBe("succeeded");
    }, 90_000);
  });
}
