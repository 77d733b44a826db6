/** Registered agents with API keys, and an API in which each route names the permission that it needs. */
import { parseArgs } from "node:util";
import { DeputizeError } from "deputize/core";
import type { ExampleContext } from "../example.ts";
import { curlLines, walk } from "./walk.ts";
import { startWeatherApi } from "./weather-api.ts";

export const title =
  "agents with API keys: WeatherBot gets the weather, StockBot a 403 (serves; --try walks)";
export const ceiling: readonly string[] = [];

/** `--port 8000`, `--data FOLDER`; `--try` calls the API itself and ends. Serves until it is told to end. */
export async function run({ print }: Pick<ExampleContext, "print">, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { port: { type: "string" }, data: { type: "string" }, try: { type: "boolean" } },
  });
  const port = Number(values.port ?? (values.try ? 0 : 8000));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new DeputizeError("config_invalid", "--port is a number from 0 to 65535");
  }
  const redisUrl = process.env["REDIS_URL"];
  await using api = await startWeatherApi({
    port,
    ...(values.data !== undefined && { dataDir: values.data }),
    ...(redisUrl && { redisUrl }),
  });
  if (values.try) {
    await walk(api, print);
    return;
  }
  print(`Weather API at ${api.url}, documentation at ${api.url}/docs. Try it in another terminal:\n`);
  print(curlLines(api));
  print("\nCtrl-C ends it.");
  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}
