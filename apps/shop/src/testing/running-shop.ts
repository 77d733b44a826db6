/** For tests: the whole shop in one process over a fresh database, and clients that talk to it as people and programs do. */
import { prepareLastingWork, resolveModel } from "@deputize/agent";
import { type Clock, randomHex, systemClock } from "@deputize/core";
import { type Secrets, generateSecrets } from "@deputize/server/config";
import type { Ephemeral, Store } from "@deputize/store";
import { type TestStore, namespaced, openTestEphemeral, openTestStore } from "@deputize/store/testing";
import { createShop } from "../app/create-shop.ts";
import type { Shop, ShopOptions } from "../app/shop-options.ts";
import { allMigrations } from "../app/migrations.ts";
import { seedPeople, seedRows } from "../app/seeding.ts";

export const PUBLIC_URL = "http://localhost:3000";

export interface RunningShop {
  readonly store: TestStore;
  readonly ephemeral: Ephemeral;
  readonly secrets: Secrets;
  shop: Shop;
  /** Ends the process's part and starts another over the same database, as a restart does. */
  restart(overrides?: Partial<ShopOptions>): Promise<void>;
  /** A further process over the same database and ephemeral state. */
  replica(overrides?: Partial<ShopOptions>): Promise<Shop>;
  close(): Promise<void>;
}

export async function runShop(overrides: Partial<ShopOptions> = {}): Promise<RunningShop> {
  const clock: Clock = overrides.clock ?? systemClock;
  const store = await openTestStore(allMigrations);
  const ephemeral = namespaced(await openTestEphemeral(), randomHex(6));
  const secrets = generateSecrets();
  if (overrides.background)
    await store.asOwner((owner) => prepareLastingWork(owner, store.roleName("workflow")));
  const plan = await store.asOwner((owner) => seedRows(owner, { demoAccounts: true, clock }));
  const make = async (on: Store, more: Partial<ShopOptions> = {}): Promise<Shop> => {
    const shop = await createShop({
      publicUrl: PUBLIC_URL,
      store: on,
      ephemeral,
      secrets,
      clock,
      model: resolveModel({}),
      demoAccounts: true,
      ...overrides,
      ...more,
    });
    await shop.start();
    return shop;
  };
  const replicas: Shop[] = [];
  const running: RunningShop = {
    store,
    ephemeral,
    secrets,
    shop: await make(store),
    async restart(more) {
      await running.shop.close();
      running.shop = await make(store, more);
    },
    async replica(more) {
      const shop = await make(await store.sibling(), more);
      replicas.push(shop);
      return shop;
    },
    async close() {
      for (const shop of [running.shop, ...replicas]) await shop.close();
      await ephemeral.close();
      await store.close();
    },
  };
  await seedPeople(running.shop.authority, plan);
  return running;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests read what they expect; a wrong shape fails there.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export interface TestClient {
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  /** Asks by chat and answers the whole turn. */
  ask(message: string, conversationId?: string): Promise<Answer>;
  readonly token: string | undefined;
  readonly refreshToken: string | undefined;
}

/** A program that sends a bearer token, or none. */
export function apiClient(shop: () => Shop, token?: string, refreshToken?: string): TestClient {
  const send: TestClient["send"] = async (method, path, body, headers = {}) => {
    const response = await shop().fetch(
      new Request(new URL(path, PUBLIC_URL), {
        method,
        headers: {
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text ? JSON.parse(text) : text,
    };
  };
  return {
    send,
    token,
    refreshToken,
    get: (path) => send("GET", path),
    post: (path, body) => send("POST", path, body ?? {}),
    ask: (message, conversationId) =>
      send("POST", "/api/chat", {
        message,
        ...(conversationId !== undefined && { conversation_id: conversationId }),
      }),
  };
}

/** Signs a person in as an API client. */
export async function signIn(shop: () => Shop, email: string, password: string): Promise<TestClient> {
  const { status, body } = await apiClient(shop).post("/api/auth/login", { email, password });
  if (status !== 200) throw new Error(`sign-in answered ${status}: ${JSON.stringify(body)}`);
  return apiClient(shop, body.access_token, body.refresh_token);
}

/** Signs a person in as the page does: cookies, and CSRF proof on each write. */
export async function signInBrowser(shop: () => Shop, email: string, password: string): Promise<TestClient> {
  const plain = apiClient(shop);
  const login = await plain.send(
    "POST",
    "/api/auth/login",
    { email, password },
    { "X-Deputize-Client": "browser" },
  );
  if (login.status !== 200) throw new Error(`sign-in answered ${login.status}`);
  const cookies = login.headers.getSetCookie().map((cookie) => cookie.split(";", 1)[0] ?? "");
  const headers = {
    Cookie: cookies.join("; "),
    "X-CSRF-Token": String(login.body.csrf_token),
    Origin: PUBLIC_URL,
  };
  const send: TestClient["send"] = (method, path, body, more = {}) =>
    plain.send(method, path, body, { ...headers, ...more });
  return {
    send,
    token: undefined,
    refreshToken: undefined,
    get: (path) => send("GET", path),
    post: (path, body) => send("POST", path, body ?? {}),
    ask: (message, conversationId) =>
      send("POST", "/api/chat", {
        message,
        ...(conversationId !== undefined && { conversation_id: conversationId }),
      }),
  };
}
