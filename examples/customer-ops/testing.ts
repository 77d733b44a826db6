/** For the tests of this example: a desk over a store of its own, and callers by name. One for each test file. */
import { META, RpcError, TestClient, type ToolCallResult } from "deputize/mcp";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { ALL_SCOPES, DESK_MIGRATIONS, type Desk, type DeskOptions, openDesk } from "./installation.ts";
import { PEOPLE, type PersonName } from "./people.ts";
import { seedDesk } from "./seed.ts";

export const URL_OF_DESK = "http://localhost:8000";
export const TRUSTED = { [META.context]: { integrity: "trusted" } };

export interface TestDesk extends Desk {
  readonly store: TestStore;
  /** A caller with a token of one's own: all that the person has, or the roles and scopes named. */
  as(
    name: PersonName,
    cut?: { readonly roles?: readonly string[]; readonly scope?: string },
  ): Promise<TestClient>;
  /** The person's decision at the authority; answers the HTTP status. */
  decide(person: string, approval: string | undefined, decision?: "approve" | "refuse"): Promise<number>;
  /** The colleague, signed in with a case about somebody; `assistant` is a client that acts for them. */
  withCase(
    name: PersonName,
    about: PersonName,
    resources?: readonly string[],
  ): Promise<{ person: string; caseId: string; assistant: TestClient; token: string }>;
}

export async function openTestDesk(options: Pick<DeskOptions, "apiKeys"> = {}): Promise<TestDesk> {
  const store = await openTestStore(DESK_MIGRATIONS);
  await store.asOwner(seedDesk);
  const desk = await openDesk({ url: URL_OF_DESK, store, perSecond: 100_000, ...options });
  const send = (path: string, token: string, body: object): Promise<Response> =>
    Promise.resolve(
      desk.fetch(
        new Request(`${URL_OF_DESK}${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      ),
    );
  return {
    ...desk,
    store,
    async as(name, { roles = PEOPLE[name].roles, scope = ALL_SCOPES } = {}) {
      const { email: sub, tenant: tenant_id } = PEOPLE[name];
      return new TestClient(desk.server, {
        token: await desk.tokens.createToken({ sub, roles, tenant_id, scope }),
      });
    },
    decide: async (person, approval, decision = "approve") =>
      (await send(`/api/approvals/${approval}/decide`, person, { decision })).status,
    async withCase(name, about, resources = ["profile", "orders"]) {
      const { person, assistant } = await desk.signIn(name);
      const opened = await send("/api/cases", person, {
        subject_email: PEOPLE[about].email,
        purpose: "a ticket of this customer",
        resources,
      });
      const { id } = (await opened.json()) as { id: string };
      return {
        person,
        caseId: id,
        assistant: new TestClient(desk.server, { token: assistant }),
        token: assistant,
      };
    },
    async [Symbol.asyncDispose]() {
      await desk[Symbol.asyncDispose]();
      await store.close();
    },
  };
}

/** The code of a refusal; undefined for an answer. Unknown tools answer as protocol errors. */
export async function codeOf(call: Promise<ToolCallResult>): Promise<string | undefined> {
  try {
    return ((await call).structuredContent?.["error"] as { code: string } | undefined)?.code;
  } catch (error) {
    if (error instanceof RpcError) return "unknown_tool";
    throw error;
  }
}

export const approvalOf = (
  result: ToolCallResult,
): { id: string; summary: string; amount?: number } | undefined =>
  result._meta?.[META.approval] as { id: string; summary: string } | undefined;

/** An answer without what differs each time: the ids of request and entry. */
export const nameless = (result: object): string =>
  JSON.stringify(result).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
