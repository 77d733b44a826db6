/** The verifier without Node: bundled for browsers, and run where nothing of Node is in reach. */
import { randomBytes } from "node:crypto";
import { createContext, runInContext } from "node:vm";
import { systemClock, stableId } from "@deputize/core";
import { expect, it } from "vitest";
import { bundlePortable } from "./testing/bundle-portable.ts";
import { type TestWorker, delegated, testWorker } from "./testing/delegation.ts";
import { ISSUER, fakeAuthority, testKey } from "./testing/fake-authority.ts";

it("bundles for browsers with nothing of Node in it [AW-F35]", async () => {
  const code = await bundlePortable("portable.ts", "verifier");
  expect(code).not.toMatch(
    /["']node:|__vite-browser-external|\brequire\(|\bBuffer\b|\bprocess\.|AsyncLocalStorage/,
  );
  expect(code.length).toBeGreaterThan(10_000);
});

it("verifies, and refuses, in a world without Node's globals [AW-F35]", async () => {
  const authority = fakeAuthority({ ...systemClock, advance: () => {} });
  // What browsers and edge runtimes have in common; no Buffer, no process, no require.
  const world = createContext({
    crypto,
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    AbortController,
    AbortSignal,
    performance,
    setInterval,
    clearInterval,
    fetch(this: unknown, ...args: Parameters<typeof fetch>) {
      // As browsers do, and Node does not.
      if (this !== undefined) throw new TypeError("Illegal invocation");
      return authority.fetch(...args);
    },
  });
  runInContext(`${await bundlePortable("portable.ts", "verifier")}; globalThis.verifier = verifier;`, world);

  const [app, actor] = [stableId("app:demo"), stableId("agent:worker")];
  const workers: TestWorker[] = [testWorker("lead", ["read:data:*"]), testWorker("helper", ["read:data:7"])];
  const now = Math.floor(systemClock.nowMs() / 1000);
  const claims = {
    iss: "agentwrit",
    exp: now + 300,
    nbf: now,
    iat: now,
    jti: randomBytes(16).toString("hex"),
    task_id: "t",
    orch_id: "o",
    tenant: "default",
    sub_id: app,
    act_ids: [actor],
    epochs: { [app]: 0, [actor]: 0 },
    ...delegated(workers, authority.key),
  };
  const good = authority.sign(claims, { typ: "JWT" });
  Object.assign(world, {
    tokens: {
      good,
      forged: authority.sign(claims, { typ: "JWT", by: testKey(), kid: authority.key.jwk.kid }),
      wider: authority.sign({ ...claims, scope: ["read:data:*"] }, { typ: "JWT" }),
    },
  });
  const outcome = (await runInContext(
    `(async () => {
      const v = await verifier.createVerifier({
        authorityUrl: "${ISSUER}", profiles: [{ kind: "agentwrit", issuer: "agentwrit" }],
      });
      const outcome = {};
      for (const [name, token] of Object.entries(tokens)) {
        outcome[name] = await v.verify(token, { audience: "x" }).then((c) => c.scopes.join(), (e) => e.code);
      }
      await v.close();
      outcome.node = [typeof Buffer, typeof process, typeof require].join();
      return JSON.stringify(outcome);
    })()`,
    world,
  )) as string;
  expect(JSON.parse(outcome)).toEqual({
    good: "read:data:7",
    forged: "invalid_token",
    wider: "invalid_token",
    node: "undefined,undefined,undefined",
  });
});
