/** What a mandate allows, in a person's words, and as the request that makes one. */
import type { BackgroundOffer, Mandate, OrderSummary } from "../../api/types.ts";
import { words } from "../../lib/format.ts";

type Tool = BackgroundOffer["tools"][number];

export interface MandateDraft {
  readonly offer: BackgroundOffer;
  /** Names of tools. */
  readonly tools: readonly string[];
  /** The only orders that it is about; none, and it is about any of the person's. */
  readonly orders: readonly Pick<OrderSummary, "id" | "number">[];
  readonly purpose: string;
  readonly days: number;
}

const DAY_MS = 86_400_000;

/** A day less a minute short of the longest that is allowed, for the way to the server. */
export const endOf = (days: number, nowMs: number): string =>
  new Date(nowMs + days * DAY_MS - 60_000).toISOString();

const chosen = ({ offer, tools }: MandateDraft): Tool[] =>
  offer.tools.filter(({ name }) => tools.includes(name));

/** What `POST /api/mandates` takes: no scope and no audience beyond what the chosen tools need. */
export function mandateBody(draft: MandateDraft, nowMs: number): Record<string, unknown> {
  const tools = chosen(draft);
  const bound = tools.flatMap(({ name, bounds }) =>
    bounds.filter(({ of }) => of === "orders").map(({ argument }) => ({ tool: name, argument })),
  );
  // An order goes by its id and by its number.
  const oneOf = draft.orders.flatMap(({ id, number }) => [id, number]);
  return {
    agent: draft.offer.agent,
    purpose: draft.purpose.trim(),
    tools: tools.map(({ name }) => name),
    audiences: draft.offer.audiences,
    scopes: [...new Set(tools.flatMap(({ scopes }) => scopes))],
    ...(oneOf.length > 0 &&
      bound.length > 0 && {
        constraints: Object.fromEntries(bound.map((one, n) => [`orders-${n + 1}`, { ...one, oneOf }])),
      }),
    expires: endOf(draft.days, nowMs),
  };
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-/;

/** The limits of a mandate: `Only ORD-10042`. */
export function boundWords({ constraints = {} }: Pick<Mandate, "constraints">): string | undefined {
  const values = Object.values(constraints).flatMap(({ oneOf = [] }) => oneOf.map(String));
  const named = [...new Set(values.filter((value) => !ID.test(value)))];
  return named.length > 0 ? `Only ${named.join(", ")}` : undefined;
}

/** A tool as its server calls it: `Cancel an order`. */
export function toolWords(name: string, offers: readonly BackgroundOffer[]): string {
  const known = offers.flatMap(({ tools }) => tools).find((tool) => tool.name === name);
  return known?.title ?? words(name.split("/").at(-1) ?? name);
}
