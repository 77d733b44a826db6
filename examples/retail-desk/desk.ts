/**
 * A desk that is open: its installation, its tool server, and customers at sessions of their own who send their assistant.
 */
import { auditMigrations } from "@deputize/audit";
import { authorityMigrations } from "@deputize/authority";
import { type Caller, newId } from "@deputize/core";
import { META, RpcError, TestClient, type ToolCallResult } from "@deputize/mcp";
import type { MigrationSet, Store } from "@deputize/store";
import { type SignedInPerson, openInstallation } from "../installation.ts";
import { principalOf } from "./data/load.ts";
import { CUSTOMER_SCOPES } from "./tools/scopes.ts";
import { type HandedOver, deskServer } from "./tools/server.ts";

/** What the database of a desk is made of. */
export const deskMigrations: readonly MigrationSet[] = [
  auditMigrations,
  authorityMigrations,
  { name: "retail", directory: new URL("./migrations/", import.meta.url) },
];

export interface DeskCustomer {
  /** The customer, without a deputy, and the token of their assistant. */
  readonly caller: Caller;
  readonly token: string;
  /** The assistant calls a tool for the customer, who is not asked. A refusal is an answer too. */
  call(tool: string, args: object, meta?: Record<string, unknown>): Promise<ToolCallResult>;
  /** The same, and the customer says yes to what the desk shows them. */
  callAndConfirm(tool: string, args: object, onCard?: (summary: string) => void): Promise<ToolCallResult>;
  decide(approvalId: string, decision: "approve" | "refuse"): Promise<void>;
}

export interface Desk extends AsyncDisposable {
  /** The tool server's address, and what answers there. */
  readonly url: string;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Those whom the desk gave to a person. */
  readonly handedOver: readonly HandedOver[];
  /** A customer of the database signs in, or comes back to their session; the assistant gets a token of its own each time. */
  enter(userId: string): Promise<DeskCustomer>;
}

/** The card that an answer waits for, if it does. */
export function cardOf(answer: ToolCallResult): { id: string; summary: string } | undefined {
  return answer._meta?.[META.approval] as { id: string; summary: string } | undefined;
}

/** `store` holds the tables of `deskMigrations`, and stays open. Throws `config_invalid`. */
export async function openDesk(store: Store): Promise<Desk> {
  await using undo = new AsyncDisposableStack();
  const installation = undo.use(
    await openInstallation({
      store,
      server: "retail-desk",
      assistant: "desk-assistant",
      roles: { customer: CUSTOMER_SCOPES },
    }),
  );
  const handedOver: HandedOver[] = [];
  const sessions = new Map<string, SignedInPerson>();
  const server = deskServer({
    ...installation.serverOptions,
    handOver: (request) => void handedOver.push(request),
  });
  undo.defer(() => server.close());
  const kept = undo.move();
  return {
    handedOver,
    url: installation.url,
    fetch: (request) => server.fetch(request),
    async enter(userId) {
      const id = principalOf(userId);
      await installation.addPerson({ id, email: `${id}@customers.example`, name: userId });
      const person = sessions.get(id) ?? (await installation.signIn(id));
      sessions.set(id, person);
      const token = await person.assistantToken();
      const client = new TestClient(server, { token });
      const caller = { ...(await installation.callerOf(person)), actors: [] };
      const customer: DeskCustomer = {
        caller,
        token,
        async call(tool, args, meta = {}) {
          try {
            return await client.callTool(tool, { ...args }, meta);
          } catch (error) {
            if (!(error instanceof RpcError)) throw error;
            const { code = "unknown", ...rest } = error.data as { code?: string };
            const said = { code, message: error.message, ...rest };
            return {
              isError: true,
              content: [{ type: "text", text: error.message }],
              structuredContent: { error: said },
            };
          }
        },
        async callAndConfirm(tool, args, onCard = () => {}) {
          const callId = newId();
          const asked = await customer.call(tool, args, { [META.callId]: callId });
          const card = cardOf(asked);
          if (!card) return asked;
          onCard(card.summary);
          await person.decide(card.id, "approve");
          return customer.call(tool, args, { [META.callId]: callId, [META.approvalId]: card.id });
        },
        decide: (approvalId, decision) => person.decide(approvalId, decision),
      };
      return customer;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
