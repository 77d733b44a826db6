/** Two people and one support agent: the same questions at once, each answered from what is theirs. */
import { type TurnCaller, agentMigrations, createCaller, generateSessionId } from "deputize/agent";
import type { ExampleContext } from "../example.ts";
import { refusal } from "../example.ts";
import { type Desk, openDesk } from "../customer-ops/installation.ts";
import { openSupport } from "./support.ts";

export const title = "one support agent, many people: conversations, cache, a refund that waits for a yes";
export const ceiling: readonly string[] = [];

/** The answer of the authority to a decision with this token: the person's own counts, and none that an agent holds. */
async function decide(desk: Desk, url: string, token: string, approvalId: string): Promise<number> {
  const answer = await desk.fetch(
    new Request(`${url}/api/approvals/${approvalId}/decide`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ decision: "approve" }),
    }),
  );
  return answer.status;
}

export async function run({ print }: Pick<ExampleContext, "print">): Promise<void> {
  const url = "http://127.0.0.1:8000";
  await using desk = await openDesk({ url, migrations: [agentMigrations] });
  let modelCalls = 0;
  await using support = await openSupport(desk, {
    observe: (event) => {
      if (event.kind === "model_called") modelCalls += 1;
    },
  });
  const { person: annsToken, assistant } = await desk.signIn("ann");
  const people = {
    ann: { token: annsToken, sessionId: generateSessionId() },
    ben: { token: (await desk.signIn("ben")).person, sessionId: generateSessionId() },
  };

  print("Both ask at once: Where is order 12346?");
  const message = "Where is order 12346?";
  const [ann, ben] = await Promise.all([
    support.handleUserMessage({ ...people.ann, message }),
    support.handleUserMessage({ ...people.ben, message }),
  ]);
  print(`  ann: ${ann.response}`);
  print(`  ben: ${ben.response}`);

  modelCalls = 0;
  const again = await support.handleUserMessage({
    ...people.ann,
    sessionId: generateSessionId(),
    message: "where is order 12346",
  });
  print(
    `\nAnn asks again: ${again.response === ann.response ? "the same answer" : "another answer"}, ${modelCalls} calls of the model.`,
  );

  const herself = createCaller({ bearerToken: people.ann.token });
  const stranger = createCaller({ bearerToken: people.ben.token });
  const denied = await refusal(() => support.agent.getSession(people.ann.sessionId, { caller: stranger }));
  print(`\nBen opens Ann's conversation: ${denied.message}.`);

  await support.agent.memory?.add("Prefers to be written to in the morning.", { caller: herself });
  const remembered = async (caller: TurnCaller) =>
    (await support.agent.memory?.list({ caller }))?.memories.map(({ text }) => text).join(" ") || "nothing";
  print(`\nRemembered of Ann: ${await remembered(herself)}`);
  print(`Remembered of Ben: ${await remembered(stranger)}`);

  const waiting = await support.handleUserMessage({ ...people.ann, message: "Cancel order 12347" });
  print(`\nAnn cancels an order: ${waiting.response}`);
  const approval = waiting.approvals.at(-1)?.id ?? "";
  print(`  the agent says yes itself: ${await decide(desk, url, assistant, approval)}`);
  print(`  Ann says yes: ${await decide(desk, url, people.ann.token, approval)}`);
  const done = await support.goOn(people.ann.token, approval);
  print(`  ${done.response}`);
}
