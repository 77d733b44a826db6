/** `kill -9` of a replica at each step of a run, with another one alive and with none: the effect is there once. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newId } from "@deputize/core";
import { type TestStore, testDatabaseUrl } from "@deputize/store/testing";
import { alice } from "../agent.fixture.ts";
import { eventually, openLastingStore } from "./lasting.fixture.ts";
import { DEATH_POINTS, type ReplicaOrders } from "./replica.fixture.ts";
import { runIdOf } from "./workflow.ts";

const runOf = (id: string): string =>
  runIdOf({ tenant: alice.tenant, subject: alice.subject, agent: "order-management", id }, 0);

// The embedded database belongs to one process.
if (testDatabaseUrl !== undefined) {
  describe("a replica that is killed", { timeout: 180_000 }, () => {
    let store: TestStore;
    const children: ChildProcess[] = [];

    beforeAll(async () => {
      store = await openLastingStore();
      await store.asOwner((owner) =>
        owner.query(`
        CREATE TABLE public.asked (call_id text PRIMARY KEY, id text NOT NULL, status text NOT NULL DEFAULT 'pending');
        CREATE TABLE public.tried (call_id text NOT NULL);
        CREATE TABLE public.done (call_id text PRIMARY KEY);
        GRANT SELECT, INSERT, UPDATE ON public.asked, public.tried, public.done TO ${store.roleName("app")};
        GRANT USAGE ON SCHEMA public TO ${store.roleName("app")};`),
      );
    }, 60_000);
    afterAll(() => store?.close());
    afterEach(async () => {
      for (const child of children.splice(0)) await end(child);
      await store.ownerQuery("DELETE FROM public.asked");
      await store.ownerQuery("DELETE FROM public.tried");
      await store.ownerQuery("DELETE FROM public.done");
    });

    async function end(child: ChildProcess): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }

    function replica(more: Partial<ReplicaOrders> = {}): ChildProcess {
      const orders = {
        url: store.url,
        secrets: store.secrets,
        prefix: store.roleName("app").replace(/_app$/, ""),
        ...more,
      };
      const child = fork(fileURLToPath(new URL("./replica.fixture.ts", import.meta.url)), {
        env: { PATH: process.env["PATH"] ?? "", DEPUTIZE_REPLICA: JSON.stringify(orders) },
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      children.push(child);
      return child;
    }

    /** The person says yes to whatever is asked. */
    const sayYes = () =>
      store.ownerQuery("UPDATE public.asked SET status = 'approved' WHERE status = 'pending'");

    /** Nobody waits here for the lease of a process that is known to be dead. */
    const leaseEnds = () =>
      store.ownerQuery("UPDATE agent.runs SET lease = now() - interval '1 second' WHERE status = 'running'");

    async function until(id: string, ended: (status: string | undefined) => boolean): Promise<void> {
      await eventually(async () => {
        await sayYes();
        const { rows } = await store.ownerQuery<{ status: string }>(
          "SELECT status FROM agent.runs WHERE id = $1",
          [runOf(id)],
        );
        return rows[0]?.status;
      }, ended);
    }

    async function diesAndIsCarriedOn(
      dieAt: (typeof DEATH_POINTS)[number],
      survivor: boolean,
    ): Promise<void> {
      if (survivor) await once(replica(), "message");
      const id = newId();
      const dying = replica({ dieAt, begin: { id, mandateId: newId() } });
      const gone = once(dying, "exit");
      const asking = setInterval(() => void sayYes().catch(() => {}), 100);
      const [, signal] = await gone;
      clearInterval(asking);
      expect(signal).toBe("SIGKILL");
      await leaseEnds();
      if (!survivor) await once(replica(), "message");
      await until(id, (status) => status === "done");
      const { rows } = await store.ownerQuery<{ done: number; tried: number; asked: number }>(
        `SELECT (SELECT count(*)::int FROM public.done) AS done, (SELECT count(DISTINCT call_id)::int FROM public.tried) AS tried,
         (SELECT count(*)::int FROM public.asked) AS asked`,
      );
      expect(rows).toEqual([{ done: 1, tried: 1, asked: 1 }]);
      const messages = await store.ownerQuery<{ content: string }>(
        "SELECT content FROM agent.messages WHERE run = $1 AND content = 'It is cancelled.'",
        [runOf(id)],
      );
      expect(messages.rows).toHaveLength(1);
    }

    it.each(DEATH_POINTS)("%s: another carries the run on, and it is done once [SR-14] [SR-15]", (dieAt) =>
      diesAndIsCarriedOn(dieAt, true),
    );

    it("after the effect, and everything with it: the next start carries the run on [SR-14]", () =>
      diesAndIsCarriedOn("after the effect", false));
  });
}
