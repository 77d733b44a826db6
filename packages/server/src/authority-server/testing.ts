/** For tests: an authority of one's own, over the tests' database, with the real routes on a real port. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeputizeApp, type DeputizeAppOptions, OperatorClient } from "@deputize/client";
import { randomHex } from "@deputize/core";
import { openTestStore } from "@deputize/store/testing";
import { readAuthoritySettings } from "../config/index.ts";
import { type StartedAuthority, authorityServerMigrations, startAuthority } from "./start-authority.ts";

export interface TestBroker extends AsyncDisposable {
  readonly url: string;
  readonly started: StartedAuthority;
  readonly adminSecret: string;
  readonly operator: OperatorClient;
  /** An app of its own with this ceiling, and its id. */
  newApp(
    scopes: readonly string[],
    options?: Partial<DeputizeAppOptions> & { readonly requireTranscript?: boolean },
  ): Promise<DeputizeApp & { readonly appId: string }>;
}

/** `env` are further settings of the authority. */
export async function openTestBroker(env: Readonly<Record<string, string>> = {}): Promise<TestBroker> {
  await using undo = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), "deputize-broker-"));
  undo.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const store = await openTestStore(authorityServerMigrations);
  undo.defer(() => store.close());
  const adminSecret = randomHex();
  const settings = readAuthoritySettings(
    { DEPUTIZE_ADMIN_SECRET: adminSecret, ...env },
    { port: 0, dataDir },
  );
  const started = await startAuthority({ settings, store });
  undo.defer(() => started.close());
  const operator = undo.use(new OperatorClient({ brokerUrl: started.url, adminSecret }));
  const kept = undo.move();
  let apps = 0;
  return {
    url: started.url,
    started,
    adminSecret,
    operator,
    async newApp(scopes, { requireTranscript, ...options } = {}) {
      apps += 1;
      const registered = await operator.registerApp({
        name: `test-app-${String.fromCharCode(96 + apps)}x`,
        scopes,
        ...(requireTranscript !== undefined && { requireTranscript }),
      });
      const app = new DeputizeApp({
        brokerUrl: started.url,
        clientId: registered.clientId,
        clientSecret: registered.clientSecret,
        ...options,
      });
      return Object.assign(app, { appId: registered.appId });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
