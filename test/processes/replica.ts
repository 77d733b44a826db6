/** One replica as a process of its own: reads its settings from the environment, says "ready" and serves. */
import { readSettings } from "@deputize/server/config";
import { createLogger, startShop } from "@deputize/shop";

const settings = readSettings(process.env);
const started = await startShop({ settings, env: process.env, logger: createLogger("error") });
process.on("SIGTERM", () => void started.close().then(() => process.exit(0)));
process.stdout.write("ready\n");
