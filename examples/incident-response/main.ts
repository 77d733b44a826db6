/** Something is wrong. How much to end: one token, one agent, one task, or everything that hangs from one agent. */
import { type Agent, validate } from "deputize/client";
import type { ExampleContext } from "../example.ts";

export const title = "four levels of revocation, and who survives each";
export const ceiling = ["read:data:*"];

export async function run({ app, operator, print }: ExampleContext): Promise<void> {
  const worker = (task: string): Promise<Agent> =>
    app.createAgent({ orchestration: "incident", task, scope: ["read:data:*"] });
  const incident = operator();
  const report = async (
    what: string,
    who: Record<string, { readonly accessToken: string }>,
  ): Promise<void> => {
    const states = await Promise.all(
      Object.entries(who).map(async ([name, { accessToken }]) => {
        const { valid } = await validate(app.brokerUrl, accessToken);
        return `${name} ${valid ? "alive" : "dead"}`;
      }),
    );
    print(`${what.padEnd(6)} → ${states.join(", ")}`);
  };

  const [one, another] = [await worker("report"), await worker("report")];
  const { claims } = await validate(app.brokerUrl, one.accessToken);
  await incident.revoke({ level: "token", target: claims?.jti ?? "", reason: "the token was in a log" });
  await report("token", { "the leaked one": one, "its neighbour": another });

  const [suspect, witness] = [await worker("report"), await worker("report")];
  await incident.revoke({ level: "agent", target: suspect.agentId, reason: "it behaves oddly" });
  await report("agent", { "the suspect": suspect, "the witness": witness });

  const [first, second, elsewhere] = [await worker("export"), await worker("export"), await worker("backup")];
  await incident.revoke({ level: "task", target: "export", reason: "the task was started by mistake" });
  await report("task", { "export 1": first, "export 2": second, backup: elsewhere });

  const [root, middle, leaf, bystander] = [
    await worker("root"),
    await worker("middle"),
    await worker("leaf"),
    await worker("bystander"),
  ];
  const toMiddle = await root.delegate(middle, ["read:data:ledger"]);
  const toLeaf = await toMiddle.delegate(leaf, ["read:data:ledger"]);
  const { count } = await incident.revoke({
    level: "chain",
    target: root.agentId,
    reason: "the root is lost",
  });
  await report("chain", {
    "the root": root,
    "its delegate": toMiddle,
    "the next one": toLeaf,
    "a bystander": bystander,
  });
  print(`The last order ended ${count} grants. What the delegates held of their own stays theirs:`);
  await report("chain", { middle, leaf });
}
