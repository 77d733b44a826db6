/** For tests: workers with keys, and chains as they and the authority sign them. */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { stableId } from "@deputize/core";
import { type DelegationLink, FIRST_RECORD, delegationStatement } from "../token/delegation-record.ts";
import type { TestKey } from "./fake-authority.ts";

export interface TestWorker {
  readonly id: string;
  readonly scope: readonly string[];
  /** Absent when the authority signs for it. */
  readonly key?: TestKey["privateKey"];
}

export function testWorker(name: string, scope: readonly string[], ownKey = true): TestWorker {
  const instance = createHash("sha256").update(name).digest("hex").slice(0, 16);
  const id = `spiffe://agentwrit.local/agent/orch/${name}/${instance}`;
  return ownKey ? { id, scope, key: generateKeyPairSync("ed25519").privateKey } : { id, scope };
}

/** The claims of the last worker's token: each worker handed on to the next exactly what that one holds. */
export function delegated(
  workers: readonly TestWorker[],
  authority: TestKey,
): {
  readonly sub: string;
  readonly scope: readonly string[];
  readonly delegation_chain: readonly DelegationLink[];
  readonly chain_hash: string;
  readonly grants: readonly string[];
} {
  const chain: DelegationLink[] = [];
  let prev = FIRST_RECORD;
  for (const [i, from] of workers.slice(0, -1).entries()) {
    const to = workers[i + 1] ?? from;
    const jti = createHash("sha256").update(`hop ${i}`).digest("hex").slice(0, 32);
    const statement = delegationStatement({
      prev,
      delegator: from.id,
      delegate: to.id,
      held: from.scope,
      scope: to.scope,
      jti,
    });
    const { key } = from;
    const x = key && Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
    chain.push({
      agent: from.id,
      scope: from.scope,
      delegated_at: "2026-11-22T10:00:00.123456789Z",
      signature: sign(null, Buffer.from(statement), key ?? authority.privateKey).toString("hex"),
      delegate: to.id,
      granted: to.scope,
      jti,
      prev,
      ...(x === undefined ? { kid: authority.jwk.kid } : { key: x }),
    });
    prev = createHash("sha256").update(statement).digest("hex");
  }
  const last = workers.at(-1);
  return {
    sub: last?.id ?? "",
    scope: last?.scope ?? [],
    delegation_chain: chain,
    chain_hash: prev,
    grants: workers.map((_, i) => stableId(`grant:${i + 1}`)),
  };
}
