/**
 * The broker protocol over HTTP: `deputize serve` in a process of its own, a closed loop over keep-alive connections on
 * loopback, one and sixteen at a time. The operations are those that the reference system was measured with.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { createVerifier } from "@deputize/client";
import { startAuthorityProcess } from "./authority-process.ts";
import { type Variant, measure, report } from "./harness.ts";
import { httpClient, jsonClient } from "./http-client.ts";

/** Events in the log when it is queried. */
const EVENTS = 14_000;

export async function run({ full }: { readonly full: boolean }): Promise<void> {
  const authority = await startAuthorityProcess(["read:data:*", "write:data:*"]);
  const { port } = authority;
  const client = jsonClient(port);
  const closers = [client.close];
  try {
    const admin = String(
      (await client.request("POST", "/v1/admin/auth", { secret: authority.adminSecret }))["access_token"],
    );
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");

    async function create(): Promise<{ agent_id: string; access_token: string }> {
      const launched = await client.request(
        "POST",
        "/v1/admin/launch-tokens",
        { agent_name: "bench", allowed_scope: ["read:data:*"] },
        admin,
      );
      const { nonce } = (await client.request("GET", "/v1/challenge")) as { nonce: string };
      return (await client.request("POST", "/v1/register", {
        launch_token: launched["launch_token"],
        nonce,
        public_key: key,
        signature: sign(null, Buffer.from(nonce, "hex"), privateKey).toString("base64"),
        orch_id: "bench",
        task_id: "measure",
        requested_scope: ["read:data:*"],
      })) as { agent_id: string; access_token: string };
    }
    async function cycle(): Promise<void> {
      const { access_token } = await create();
      await client.request("POST", "/v1/token/validate", { token: access_token });
      await client.request("POST", "/v1/token/release", undefined, access_token);
    }

    const [from, to] = [await create(), await create()];
    const post = (path: string, body: unknown, expected: string, token?: string): Variant["run"] => {
      const sender = httpClient({
        port,
        path,
        body,
        expected,
        ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      });
      closers.push(sender.close);
      return sender.send;
    };
    const get = (path: string, expected: string, token?: string): Variant["run"] => {
      const sender = httpClient({
        port,
        path,
        expected,
        ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      });
      closers.push(sender.close);
      return sender.send;
    };
    const variants: Variant[] = [
      { name: "health", run: get("/v1/health", '"status":"ok"') },
      { name: "challenge", run: get("/v1/challenge", '"nonce"') },
      {
        name: "validate",
        run: post("/v1/token/validate", { token: from.access_token }, '"valid":true'),
      },
      {
        name: "delegate",
        run: post(
          "/v1/delegate",
          { delegate_to: to.agent_id, scope: ["read:data:1"] },
          '"delegation_chain"',
          from.access_token,
        ),
      },
      { name: "create", run: create },
      { name: "cycle", run: cycle },
    ];
    // Statistics as autovacuum makes them within a minute of service.
    for (let i = 0; i < 200; i += 1) await cycle();
    await authority.owner?.query("ANALYZE");
    for (const inFlight of [1, 16]) {
      report(
        `broker protocol, ${inFlight} connection${inFlight === 1 ? "" : "s"}`,
        await measure(variants, { inFlight, roundMs: full ? 3_000 : 1_000, rounds: full ? 5 : 3 }),
      );
    }

    const counted = async (): Promise<number> =>
      Number((await client.request("GET", "/v1/audit/events?limit=1", undefined, admin))["total"]);
    while ((await counted()) < EVENTS) await Promise.all(Array.from({ length: 64 }, create));
    await authority.owner?.query("ANALYZE");
    const audit = get("/v1/audit/events?limit=100", '"total"', admin);
    const filtered = get("/v1/audit/events?limit=100&event_type=agent_registered", '"total"', admin);
    for (const inFlight of [1, 16]) {
      report(
        `audit query over ${await counted()} events, ${inFlight} connection${inFlight === 1 ? "" : "s"}`,
        await measure(
          [
            { name: "the oldest 100", run: audit },
            { name: "100 of one type", run: filtered },
          ],
          { inFlight, roundMs: 1_000, rounds: 3 },
        ),
      );
    }

    const { access_token } = await create();
    const verifier = await createVerifier({
      authorityUrl: `http://127.0.0.1:${port}`,
      profiles: [{ kind: "agentwrit", issuer: "agentwrit" }],
    });
    try {
      report(
        "a worker's token, 16 at once",
        await measure(
          [
            {
              name: "validate over HTTP",
              run: post("/v1/token/validate", { token: access_token }, '"valid":true'),
            },
            {
              name: "verify offline, 1,000 at a time",
              run: async () => {
                for (let i = 0; i < 1_000; i += 1)
                  await verifier.verify(access_token, { audience: "agentwrit" });
              },
            },
          ],
          { roundMs: 700 },
        ),
      );
    } finally {
      await verifier.close();
    }
  } finally {
    for (const close of closers) close();
    await authority.end();
  }
}
