/**
 * What waits for a person's yes: questions of agents before their calls, and runs that wait for a decision at the authority.
 *
 * Guarantees: only the person that a question is for sees and decides it, by themselves, at a sign-in of a person that is recent: an
 * agent, an exchanged token, an API key and somebody else decide nothing [SR-05]. A decision that belongs to the authority is made
 * there, and what is said here only carries the run on: the tool server asks the authority again.
 */
import type { ApprovalQuestion, BuiltAgent } from "@deputize/agent";
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import { type AgentRoute, route } from "../route.ts";
import type { RunEngine } from "./run-engine.ts";
import { type SignedCall, authorityOfCall } from "./run-routes.ts";
import {
  type ApprovalAnswer,
  ApprovalListAnswer,
  ApprovalParams,
  DecideAnswer,
  DecideBody,
  shownRun,
} from "./run-schemas.ts";
import type { StoredRun } from "./run.ts";
import type { SignInWatches } from "./sign-in-watch.ts";

export interface ApprovalRoutesOptions {
  readonly engine: RunEngine;
  readonly agents: ReadonlyMap<string, BuiltAgent>;
  readonly watches: SignInWatches;
}

/** How long ago the person may have signed in to decide. */
const DECIDE_WITHIN_SECONDS = 900;
const GROUP = { group: "Approvals" } as const;

export function approvalRoutes({ engine, agents, watches }: ApprovalRoutesOptions): readonly AgentRoute[] {
  const asking = [...agents.values()].filter(({ approvals }) => approvals !== undefined);

  async function questions(call: SignedCall): Promise<readonly ApprovalQuestion[]> {
    const lists = asking.map(
      async ({ approvals }) => (await approvals?.list({ caller: call.agentCaller })) ?? [],
    );
    return (await Promise.all(lists)).flat();
  }

  async function shown(caller: Caller, one: ApprovalQuestion): Promise<ApprovalAnswer> {
    const of = { agent: one.agent, threadId: one.conversation_id, status: "running", limit: 1 } as const;
    const [run] = (await engine.list(caller, of)).runs;
    return {
      id: one.id,
      agent: one.agent,
      server: one.server,
      tool: one.tool,
      arguments: one.arguments.map(({ name, value, source }) => ({ name, value, source })),
      integrity: one.integrity,
      thread_id: one.conversation_id,
      ...(run && { run_id: run.id }),
      decided_by: "server",
      created_at: one.created,
      expires_at: one.expires,
    };
  }

  const waits = (run: StoredRun): ApprovalAnswer[] =>
    run.approvalId === undefined
      ? []
      : [
          {
            id: run.approvalId,
            agent: run.agent,
            arguments: [],
            thread_id: run.threadId,
            run_id: run.id,
            decided_by: "authority",
            created_at: new Date(run.created).toISOString(),
          },
        ];

  /** True when a question of an agent was decided. */
  async function decided(call: SignedCall, id: string, decision: "approve" | "refuse"): Promise<boolean> {
    for (const { approvals } of asking) {
      try {
        await approvals?.[decision](id, { caller: call.agentCaller });
        return true;
      } catch (error) {
        if (!isDeputizeError(error, "not_found")) throw error;
      }
    }
    return false;
  }

  return [
    route({
      ...GROUP,
      method: "GET",
      path: "/v1/approvals",
      summary: "What waits for one's own yes, oldest first",
      scope: "approvals:read",
      answer: ApprovalListAnswer,
      handler: async (call) => {
        requireThemselves(call.caller);
        const asked = await Promise.all((await questions(call)).map((one) => shown(call.caller, one)));
        const { runs } = await engine.list(call.caller, { status: "waiting", limit: 100 });
        return {
          approvals: [...asked, ...runs.flatMap(waits)].toSorted((a, b) =>
            a.created_at.localeCompare(b.created_at),
          ),
        };
      },
    }),
    route({
      ...GROUP,
      method: "POST",
      path: "/v1/approvals/{approval_id}/decide",
      summary:
        "Say yes or no, by oneself, within a quarter of an hour of the sign-in; or go on with a run whose approval was decided at the authority",
      scope: "approvals:decide",
      fresh: { maxAgeSeconds: DECIDE_WITHIN_SECONDS },
      params: ApprovalParams,
      body: DecideBody,
      answer: DecideAnswer,
      handler: async (call) => {
        requireThemselves(call.caller);
        const { decision } = call.body;
        const approvalId = call.params.approval_id;
        const answer = { approval_id: approvalId, decision };
        if (await decided(call, approvalId, decision)) return answer;
        const run = await engine.resume(authorityOfCall(call, watches), { approvalId, decision });
        return { ...answer, run: shownRun(run) };
      },
    }),
  ];
}

function requireThemselves({ actors, subjectKind }: Caller): void {
  if (actors.length === 0 && subjectKind === "user") return;
  throw new DeputizeError("first_party_session_required", "only the person decides this, by themselves");
}
