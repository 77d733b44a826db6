/** A ceiling is what an app may never exceed. One that would hold the authority's own powers is refused at the door. */
import { type ExampleContext, refusal } from "../example.ts";

export const title = "the authority's own powers in a ceiling are refused at registration";
export const ceiling = ["read:data:reports"];

export async function run({ app, operator, print }: ExampleContext): Promise<void> {
  for (const scope of ["admin:revoke:*", "app:launch-tokens:*", "*:data:reports", "everything"]) {
    const { message } = await refusal(() =>
      operator().registerApp({ name: "greedy", scopes: ["read:data:reports", scope] }),
    );
    print(`[REFUSED] a ceiling with ${scope}: ${message}`);
  }

  const ask = (scope: string[]) => app.createAgent({ orchestration: "guard", task: "report", scope });
  await using agent = await ask(["read:data:reports"]);
  print(`[CREATED] ${agent.scope.join(", ")}`);
  for (const scope of ["read:data:*", "write:data:reports", "admin:revoke:*"]) {
    print(`[REFUSED] a worker with ${scope}: ${(await refusal(() => ask([scope]))).message}`);
  }
}
