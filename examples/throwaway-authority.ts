/** An authority of one's own on a free port of this machine, with an empty database, gone when it is let go of. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type StartAuthorityOptions,
  readAuthoritySettings,
  startAuthority,
} from "@deputize/server/authority";

export interface ThrowawayAuthority extends AsyncDisposable {
  readonly brokerUrl: string;
  readonly adminSecret: string;
}

/** `store` is for tests: a database that is open already. */
export async function openThrowawayAuthority(
  options: Pick<StartAuthorityOptions, "store"> = {},
): Promise<ThrowawayAuthority> {
  await using undo = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), "deputize-example-"));
  const forget = (): void => rmSync(dataDir, { recursive: true, force: true });
  process.once("exit", forget); // when there is no time to end well
  undo.defer(() => {
    process.off("exit", forget);
    forget();
  });
  const adminSecret = randomBytes(32).toString("hex");
  // Settings of the machine, such as a database for something else, are none of its business.
  const settings = readAuthoritySettings({ DEPUTIZE_ADMIN_SECRET: adminSecret }, { port: 0, dataDir });
  const started = await startAuthority({ settings, ...options });
  undo.defer(() => started.close());
  const kept = undo.move();
  return { brokerUrl: started.url, adminSecret, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
