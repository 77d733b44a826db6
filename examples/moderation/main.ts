/**
 * A reviewer decides on one user's case and hands on exactly that: delete this user's posts, suspend this user. The
 * enforcer acts with what was handed to it, and loses it when the reviewer is done.
 */
import { parseArgs } from "node:util";
import { validate } from "deputize/client";
import { type ExampleContext, refusal } from "../example.ts";

export const title = "a reviewer hands deletion and suspension of one user to an enforcer";
export const ceiling = ["read:posts:*", "delete:posts:*", "suspend:users:*"];

export async function run({ app, print }: ExampleContext, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { user: { type: "string", default: "user-77" } } });
  const { user } = values;

  // Nobody can hand on what they do not hold, so the reviewer holds both powers, for this user only.
  const reviewer = await app.createAgent({
    orchestration: "moderation",
    task: `review-${user}`,
    scope: [`read:posts:${user}`, `delete:posts:${user}`, `suspend:users:${user}`],
  });
  await using enforcer = await app.createAgent({
    orchestration: "moderation",
    task: `enforce-${user}`,
    scope: [`read:posts:${user}`],
  });
  reviewer.enforce(`read:posts:${user}`);
  print(`[REVIEW] ${user}: three posts break the rules`);

  const handed = await reviewer.delegate(enforcer, [`delete:posts:${user}`, `suspend:users:${user}`], {
    ttl: 60,
  });
  print(`[HANDED ON] ${handed.scope.join(", ")} for ${handed.expiresIn}s`);

  handed.enforce(`delete:posts:${user}`);
  print(`[DELETE] posts of ${user}`);
  handed.enforce(`suspend:users:${user}`);
  print(`[SUSPEND] ${user}`);

  const other = `${user}-friend`;
  print(
    `[BLOCKED] suspending ${other}: ${(await refusal(() => handed.enforce(`suspend:users:${other}`))).message}`,
  );
  print(
    `[BLOCKED] reading posts with it: ${(await refusal(() => handed.enforce(`read:posts:${user}`))).message}`,
  );

  await reviewer.release();
  const { valid } = await validate(app.brokerUrl, handed.accessToken);
  if (valid) throw new Error("what was handed on outlived the reviewer");
  print("The reviewer is done: what it handed on is dead too.");
}
