/**
 * npm run example NAME [-- arguments]   runs one of examples/; without a name, lists them.
 *
 * With nothing set, the example gets an authority of its own for as long as it runs, and an app with the ceiling that it
 * declares. With DEPUTIZE_URL it uses that one, as the app of DEPUTIZE_CLIENT_ID and DEPUTIZE_CLIENT_SECRET, or, with
 * DEPUTIZE_ADMIN_SECRET alone, as an app that is removed afterwards. The AGENTWRIT_… names do as well.
 */
import { AuthenticationError, AuthorizationError, DeputizeError, TransportError } from "deputize/client";
import { CATALOGUE } from "../examples/catalogue.ts";
import type { Example } from "../examples/example.ts";
import { type Access, runExample } from "../examples/run-example.ts";

const env = (...names: readonly string[]): string | undefined =>
  names.map((name) => process.env[name]).find((value) => value);

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined || name === "--help" || name === "-h") {
    console.log("npm run example NAME [-- arguments]\n");
    for (const [each, load] of Object.entries(CATALOGUE)) {
      console.log(`  ${each.padEnd(18)} ${(await load()).title}`);
    }
    return;
  }
  const load = Object.hasOwn(CATALOGUE, name) ? CATALOGUE[name] : undefined;
  if (!load) {
    const near = nearest(name, Object.keys(CATALOGUE));
    throw new DeputizeError(
      "config_invalid",
      `there is no example \`${name}\`; ${near ? `did you mean \`${near}\`? ` : ""}npm run example lists them`,
    );
  }
  const example = await load();
  const brokerUrl = env("DEPUTIZE_URL", "AGENTWRIT_BROKER_URL");
  if (example.ceiling.length === 0) {
    // It needs no authority.
    await runExample(
      name,
      example,
      args,
      { brokerUrl: "http://127.0.0.1", clientId: "-", clientSecret: "-" },
      console.log,
    );
  } else if (brokerUrl !== undefined) {
    await runThere(name, example, args, {
      brokerUrl,
      adminSecret: env("DEPUTIZE_ADMIN_SECRET", "AGENTWRIT_ADMIN_SECRET"),
      clientId: env("DEPUTIZE_CLIENT_ID", "AGENTWRIT_CLIENT_ID"),
      clientSecret: env("DEPUTIZE_CLIENT_SECRET", "AGENTWRIT_CLIENT_SECRET"),
    });
  } else {
    if (process.stderr.isTTY) console.error("(an authority is started for this run …)\n");
    const { openThrowawayAuthority } = await import("../examples/throwaway-authority.ts");
    await using authority = await openThrowawayAuthority();
    await runExample(name, example, args, authority, console.log);
  }
}

/** At an authority that somebody else runs, where the setting up may be what is wrong. */
async function runThere(name: string, example: Example, args: string[], access: Access): Promise<void> {
  if (!access.adminSecret && !(access.clientId && access.clientSecret)) {
    throw new DeputizeError(
      "config_invalid",
      "DEPUTIZE_URL is set: also set DEPUTIZE_CLIENT_ID and DEPUTIZE_CLIENT_SECRET, or DEPUTIZE_ADMIN_SECRET; or unset it",
    );
  }
  try {
    await runExample(name, example, args, access, console.log);
  } catch (error) {
    if (!(error instanceof DeputizeError)) throw error;
    const fix =
      error instanceof TransportError
        ? "start it with `npx deputize serve`, or unset DEPUTIZE_URL"
        : error instanceof AuthenticationError
          ? "check DEPUTIZE_CLIENT_ID, DEPUTIZE_CLIENT_SECRET and DEPUTIZE_ADMIN_SECRET"
          : error instanceof AuthorizationError && access.clientId
            ? `the app's ceiling must hold ${example.ceiling.join(" ")}`
            : undefined;
    throw fix ? new DeputizeError(error.code, `${error.message}; ${fix}`, { cause: error }) : error;
  }
}

/** The name that takes the fewest changes of a letter; none when that is more than a third of it. */
function nearest(typed: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, far: name.startsWith(typed) ? 0 : distance(typed, name) }))
    .toSorted((a, b) => a.far - b.far)[0];
  return ranked && ranked.far <= ranked.name.length / 3 ? ranked.name : undefined;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

// An example that listens for the signal ends by itself; the others end here, by way of `exit`, which cleans up.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(code);
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const badArgument = (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
  const fault = error instanceof DeputizeError && error.code === "internal";
  // The message of a DeputizeError says the fix; a fault of ours is shown whole.
  if (badArgument || (error instanceof DeputizeError && !fault)) {
    console.error(`example: ${(error as Error).message}`);
  } else console.error(error);
  process.exitCode = 1;
}
