/** A gate in front of files: whoever shows a live token gets the files that it names, and no others. */
import { scopeIsSubset, validate } from "deputize/client";
import type { ExampleContext } from "../example.ts";

export const title = "a gate in front of files: validate the token, then look at its scope";
export const ceiling = ["read:files:*", "write:files:*"];

const FILES = new Map([
  ["report.txt", "profits are up"],
  ["salaries.txt", "not for everybody"],
]);

export async function run({ app, print }: ExampleContext): Promise<void> {
  const gate = async (token: string, action: "read" | "write", file: string): Promise<string> => {
    const { valid, claims } = await validate(app.brokerUrl, token);
    if (!valid) return "no: the token is not valid";
    if (!scopeIsSubset([`${action}:files:${file}`], claims.scope)) return "no: not within the token's scope";
    if (action === "write") FILES.set(file, "changed");
    return `yes: ${FILES.get(file)}`;
  };

  const agent = await app.createAgent({
    orchestration: "file-gate",
    task: "summarise",
    scope: ["read:files:report.txt"],
  });
  const { accessToken } = agent;
  print(`read report.txt    ${await gate(accessToken, "read", "report.txt")}`);
  print(`read salaries.txt  ${await gate(accessToken, "read", "salaries.txt")}`);
  print(`write report.txt   ${await gate(accessToken, "write", "report.txt")}`);
  print(`no token           ${await gate("", "read", "report.txt")}`);
  await agent.release();
  print(`after release      ${await gate(accessToken, "read", "report.txt")}`);
}
