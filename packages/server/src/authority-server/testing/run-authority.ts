/**
 * For tests: an authority that listens on a free port of this machine, over a database of its own, and a small client
 * that speaks the broker protocol as any program does.
 */
import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@deputize/core";
import { randomHex } from "@deputize/core";
import { loadOrCreateSecrets, readAuthoritySettings } from "../../config/index.ts";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { type StartedAuthority, authorityServerMigrations, startAuthority } from "../start-authority.ts";

export interface RunningAuthority {
  readonly url: string;
  readonly adminSecret: string;
  readonly store: TestStore;
  readonly started: StartedAuthority;
  /** Where its files are; gone after `close`. */
  readonly dataDir: string;
  close(): Promise<void>;
}

/** Starts an authority. `env` holds settings by their names in the environment. */
export async function runAuthority(
  options: { readonly env?: Readonly<Record<string, string>>; readonly clock?: Clock } = {},
): Promise<RunningAuthority> {
  const dataDir = mkdtempSync(join(tmpdir(), "deputize-authority-"));
  const adminSecret = options.env?.["DEPUTIZE_ADMIN_SECRET"] ?? randomHex(32);
  const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"] || undefined;
  const settings = readAuthoritySettings(
    {
      DEPUTIZE_DATA: dataDir,
      DEPUTIZE_ADMIN_SECRET: adminSecret,
      LOG_LEVEL: "silent",
      ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
      ...options.env,
    },
    { port: 0 },
  );
  const store = await openTestStore(authorityServerMigrations);
  const started = await startAuthority({
    settings,
    store,
    secrets: { ...loadOrCreateSecrets(settings.secretsFile).secrets, store: store.secrets },
    ...(options.clock && { clock: options.clock }),
  });
  return {
    url: started.url,
    adminSecret,
    store,
    started,
    dataDir,
    async close() {
      await started.close();
      await store.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The fields that tests read; what an answer lacks is undefined, and the test fails on it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export interface BrokerClient {
  /** A string body is sent as it is, anything else as JSON. */
  send(
    method: string,
    path: string,
    options?: { body?: unknown; token?: string; headers?: Record<string, string> },
  ): Promise<Answer>;
  adminToken(): Promise<string>;
  /** A new app with this ceiling. */
  app(scopes: readonly string[], name?: string): Promise<TestApp>;
  /** A worker of the app, made as the protocol says. */
  worker(app: TestApp, options: WorkerOptions): Promise<TestWorker>;
}

export interface TestApp {
  readonly appId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly token: string;
}

export interface WorkerOptions {
  readonly scope: readonly string[];
  readonly task?: string;
  readonly orchestration?: string;
  readonly maxTtl?: number;
  readonly bind?: boolean;
}

export interface TestWorker {
  readonly agentId: string;
  readonly token: string;
  readonly expiresIn: number;
  readonly privateKey: KeyObject;
}

/** The raw key of an Ed25519 key pair, padded base64. */
export function rawPublicKey(publicKey: KeyObject): string {
  return publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
}

/** A client of a running authority. Throws what an answer said when a step fails. */
export function brokerClient(authority: Pick<RunningAuthority, "url" | "adminSecret">): BrokerClient {
  const send: BrokerClient["send"] = async (method, path, { body, token, headers } = {}) => {
    const response = await fetch(`${authority.url}${path}`, {
      method,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== "" ? JSON.parse(text) : undefined,
    };
  };

  async function must(status: number, ...request: Parameters<BrokerClient["send"]>): Promise<Answer> {
    const answer = await send(...request);
    if (answer.status !== status) {
      throw new Error(`${request[0]} ${request[1]} answered ${answer.status}: ${answer.text}`);
    }
    return answer;
  }

  const adminToken = async (): Promise<string> =>
    (await must(200, "POST", "/v1/admin/auth", { body: { secret: authority.adminSecret } })).body
      .access_token;

  return {
    send,
    adminToken,
    async app(scopes, name = `app-${randomHex(4)}`) {
      const made = await must(201, "POST", "/v1/admin/apps", {
        token: await adminToken(),
        body: { name, scopes },
      });
      const { app_id: appId, client_id: clientId, client_secret: clientSecret } = made.body;
      const signedIn = await must(200, "POST", "/v1/app/auth", {
        body: { client_id: clientId, client_secret: clientSecret },
      });
      return { appId, clientId, clientSecret, token: signedIn.body.access_token };
    },
    async worker(app, { scope, task = "task-1", orchestration = "orch-1", maxTtl, bind }) {
      const launch = await must(201, "POST", "/v1/app/launch-tokens", {
        token: app.token,
        body: {
          agent_name: `${orchestration}/${task}`,
          allowed_scope: scope,
          ...(maxTtl !== undefined && { max_ttl: maxTtl }),
        },
      });
      const { nonce } = (await must(200, "GET", "/v1/challenge")).body;
      const { publicKey, privateKey } = generateKeyPairSync("ed25519");
      const made = await must(200, "POST", "/v1/register", {
        body: {
          launch_token: launch.body.launch_token,
          nonce,
          public_key: rawPublicKey(publicKey),
          signature: sign(null, Buffer.from(nonce, "hex"), privateKey).toString("base64"),
          orch_id: orchestration,
          task_id: task,
          requested_scope: scope,
          ...(bind !== undefined && { bind }),
        },
      });
      const { agent_id: agentId, access_token: token, expires_in: expiresIn } = made.body;
      return { agentId, token, expiresIn, privateKey };
    },
  };
}
