/** Why the desk does not do something, in the customer's words. The codes are those that the database's functions answer. */
import { DeputizeError } from "@deputize/core";

const REFUSALS: Readonly<Record<string, string>> = {
  not_pending: "the order is not pending any more, or its items were modified already; it stays as it is",
  not_delivered: "the order is not delivered, or was returned or exchanged already; it stays as it is",
  reason_not_allowed: "an order is cancelled because it is `no longer needed` or was `ordered by mistake`",
  no_address: "an address has a first line, city, state, country and zip",
  lists_differ: "name as many new items as old ones, and one at least",
  items_not_in_order: "the order does not hold all of these items, or not so many of them",
  same_item: "a new item must be another variant than the old one",
  other_product: "a new item must be a variant of the same product",
  not_available: "a new item is not available",
  unknown_payment_method: "this is no payment method of the customer",
  balance_too_low: "the gift card does not hold enough for this",
  not_one_payment: "the payment of this order was changed already, or is not a single one",
  same_payment_method: "the order is paid by this method already",
  refund_elsewhere: "a refund goes to the original payment method or to a gift card",
};

/** The one answer to what is not there and to what is another's. */
export function notFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such thing, or it is not yours");
}

/** Throws `not_found`, or `conflict` with the sentence of the reason. */
export function refuse(reason: string): never {
  if (reason === "not_found") throw notFound();
  const message = REFUSALS[reason];
  if (message === undefined)
    throw new DeputizeError("internal", "the database refused without a known reason");
  throw new DeputizeError("conflict", message, { detail: { reason } });
}
