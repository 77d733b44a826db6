/**
 * One replica, as a process of its own: opens the store, takes part in lasting work, begins some where it is told to, and kills
 * itself without a word where it is told to. What its tool does is a row by call id, as a tool server writes it with its effect.
 */
import { openStore } from "@deputize/store";
import { agentMigrations } from "../conversations/migrations.ts";
import { PostgresConversationStore } from "../conversations/postgres-store.ts";
import { alice, approvalFor, auditList, tableTools } from "../agent.fixture.ts";
import { createAgent } from "../create-agent.ts";
import type { ApprovalStatus } from "../events.ts";
import { scriptedModel } from "../testing.ts";
import { lastingWork } from "./lasting-work.ts";

export interface ReplicaOrders {
  readonly url: string;
  readonly secrets: Parameters<typeof openStore>[0]["secrets"];
  readonly prefix: string;
  readonly begin?: { readonly id: string; readonly mandateId: string };
  readonly dieAt?: DeathPoint;
}

export const DEATH_POINTS = [
  "before the model",
  "before the question",
  "after the question",
  "before the effect",
  "after the effect",
  "before the answer",
] as const;
export type DeathPoint = (typeof DEATH_POINTS)[number];

async function replica(orders: ReplicaOrders): Promise<void> {
  const { url, secrets, prefix, begin, dieAt } = orders;
  const store = await openStore({ url, secrets, rolePrefix: prefix, migrations: [agentMigrations] });
  const at = (point: DeathPoint): void => {
    if (point === dieAt) process.kill(process.pid, "SIGKILL");
  };
  const one = async <T>(sql: string, params: readonly unknown[]): Promise<T | undefined> =>
    (await store.pool("app").query(sql, [...params])).rows[0] as T | undefined;
  const tools = tableTools({
    async cancel_order(call) {
      if (!call.approval) {
        at("before the question");
        const made = approvalFor(call);
        const asked = await one<{ id: string }>(
          `INSERT INTO public.asked (call_id, id) VALUES ($1, $2) ON CONFLICT (call_id) DO UPDATE SET call_id = excluded.call_id
           RETURNING id`,
          [call.callId, made.id],
        );
        at("after the question");
        return { status: "waiting", approval: { ...made, id: asked?.id ?? "" } };
      }
      at("before the effect");
      await one("INSERT INTO public.tried (call_id) VALUES ($1)", [call.callId]);
      await one("INSERT INTO public.done (call_id) VALUES ($1) ON CONFLICT DO NOTHING", [call.callId]);
      at("after the effect");
      return { content: { cancelled: true } };
    },
  });
  const model = scriptedModel(
    Array.from({ length: 100 }, () => ({ prompt }) => {
      const answered = JSON.stringify(prompt).includes("tool-result");
      at(answered ? "before the answer" : "before the model");
      return answered
        ? { text: "It is cancelled." }
        : { calls: [{ tool: "cancel_order", args: { order_id: "ORD-1" } }] };
    }),
  );
  const work = await lastingWork({
    store,
    agent: createAgent({
      name: "order-management",
      description: "Orders.",
      model,
      instructions: "Help with orders.",
      toolSources: [tools],
      conversations: new PostgresConversationStore(store),
      audit: auditList(),
    }),
    authority: {
      open: async () => ({ caller: alice, authority: { tokenFor: async () => "token" } }),
      approval: async (_caller, id) =>
        (await one<{ status: ApprovalStatus }>("SELECT status FROM public.asked WHERE id = $1", [id]))
          ?.status ?? "expired",
    },
    pollMs: 200,
    deadAfterMs: 2_000,
  });
  if (begin) await work.start({ caller: alice, ...begin, message: "Cancel order ORD-1" });
  process.send?.("up");
}

const orders = process.env["DEPUTIZE_REPLICA"];
if (orders !== undefined) await replica(JSON.parse(orders) as ReplicaOrders);
