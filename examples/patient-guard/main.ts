/** A patient asks the portal's assistant. Its worker reads that patient's records, labs and bills, and writes nothing. */
import { parseArgs } from "node:util";
import type { Agent } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "a patient portal: own records, labs and bills; others' and all writing refused";
export const ceiling = ["read:records:*", "read:labs:*", "read:billing:*"];

type Category = "records" | "labs" | "billing";

export async function run({ app, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { patient: { type: "string", default: "p-1042" } } });
  const { patient } = values;

  await using agent = await app.createAgent({
    orchestration: "patient-portal",
    task: `visit-${patient}`,
    scope: [`read:records:${patient}`, `read:labs:${patient}`, `read:billing:${patient}`],
  });
  print(`Assistant of ${patient}: ${agent.scope.join(", ")}`);

  for (const category of ["records", "labs", "billing"] as const) {
    print(`[READ] ${category} of ${patient}: ${read(agent, category, patient)}`);
  }

  const other = anotherThan(patient);
  for (const category of ["records", "labs", "billing"] as const) {
    const { message } = await refusal(() => read(agent, category, other));
    print(`[BLOCKED] ${category} of ${other}: ${message}`);
  }
  const { message } = await refusal(() => agent.enforce(`write:records:${patient}`));
  print(`[BLOCKED] writing to ${patient}'s own records: ${message}`);

  // Nor can the app be talked into more than its ceiling: the authority itself says no.
  const beyond = await refusal(() =>
    app.createAgent({ orchestration: "patient-portal", task: "edit", scope: [`write:records:${patient}`] }),
  );
  print(`[REFUSED] a worker that may write: ${beyond.message}`);
}

function read(agent: Agent, category: Category, patient: string): string {
  agent.enforce(`read:${category}:${patient}`);
  return { records: "penicillin allergy", labs: "HbA1c 5.4%", billing: "nothing due" }[category];
}

/** An id that is surely somebody else's, whoever asked. */
function anotherThan(patient: string): string {
  return `${patient}-neighbour`;
}
