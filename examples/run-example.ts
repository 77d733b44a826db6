/** Runs one example against an authority that is there. */
import { randomBytes } from "node:crypto";
import { DeputizeApp, DeputizeError, OperatorClient } from "deputize/client";
import type { Example } from "./example.ts";

/** Of the authority: its address and the admin secret, or an app that is registered already, or both. */
export interface Access {
  readonly brokerUrl: string;
  readonly adminSecret?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
}

/**
 * As the app of `access`, or else as one that is registered with the example's ceiling for this run only. Throws
 * `config_invalid` when neither is possible, and whatever the example throws.
 */
export async function runExample(
  name: string,
  example: Example,
  args: readonly string[],
  access: Access,
  print: (line: string) => void,
): Promise<void> {
  const { brokerUrl, adminSecret, clientId, clientSecret } = access;
  await using clean = new AsyncDisposableStack();
  const known = adminSecret ? clean.use(new OperatorClient({ brokerUrl, adminSecret })) : undefined;
  const operator = (): OperatorClient => {
    if (known) return known;
    throw new DeputizeError(
      "config_invalid",
      "this needs the operator: set DEPUTIZE_ADMIN_SECRET, or unset DEPUTIZE_URL",
    );
  };
  let credentials = clientId && clientSecret ? { clientId, clientSecret } : undefined;
  if (!credentials) {
    const made = await operator().registerApp({
      name: `${name}-${randomBytes(4).toString("hex")}`,
      scopes: example.ceiling,
    });
    clean.defer(async () => void (await operator().removeApp(made.appId)));
    credentials = made;
  }
  const app = clean.use(new DeputizeApp({ brokerUrl, ...credentials }));
  await example.run({ app, operator, print: (line = "") => print(line) }, [...args]);
}
