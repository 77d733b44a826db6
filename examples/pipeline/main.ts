/**
 * Three stages, each with a worker that holds its own stage only. `await using` lets go of every one of them, also when
 * a stage fails in the middle.
 */
import { type Agent, validate } from "deputize/client";
import { type ExampleContext } from "../example.ts";

export const title = "three stages, a worker each, none left behind when one fails";
export const ceiling = ["read:data:*", "write:data:*"];

export async function run({ app, print }: ExampleContext): Promise<void> {
  const made: Agent[] = [];
  const stage = async (task: string, scope: string[]): Promise<Agent> => {
    const agent = await app.createAgent({ orchestration: "pipeline", task, scope });
    made.push(agent);
    return agent;
  };
  const left = async (): Promise<number> => {
    const states = await Promise.all(made.map((agent) => validate(app.brokerUrl, agent.accessToken)));
    return states.filter(({ valid }) => valid).length;
  };

  const pipeline = async (raw: string[]): Promise<void> => {
    await using extract = await stage("extract", ["read:data:raw"]);
    extract.enforce("read:data:raw");
    print(`[EXTRACT] ${raw.length} rows`);

    await using transform = await stage("transform", ["read:data:raw", "write:data:clean"]);
    transform.enforce("write:data:clean");
    const clean = raw.map((row) => Number(row));
    if (clean.some(Number.isNaN)) throw new Error("a row is no number");
    print(`[TRANSFORM] ${clean.length} rows`);

    await using load = await stage("load", ["write:data:warehouse"]);
    load.enforce("write:data:warehouse");
    print(`[LOAD] sum ${clean.reduce((sum, row) => sum + row, 0)}`);
    print(`workers alive while it runs: ${await left()}`);
  };

  await pipeline(["1", "2", "3"]);
  print(`workers alive afterwards: ${await left()}`);
  await pipeline(["1", "two"]).catch((error: Error) => print(`[FAILED] ${error.message}`));
  print(`workers alive after the failure: ${await left()}`);
}
