/** Four questions for an empty chat, by role. The label is what is read, `ask` what is sent. */
import type { User } from "../../api/types.ts";

export interface Suggestion {
  label: string;
  ask: string;
  hint: string;
}

const same = (label: string, hint: string): Suggestion => ({ label, ask: label, hint });

const latest = same("Where is my latest order?", "Status, carrier and timeline");
const headphones = same("Show me headphones under $200", "From the catalogue");
/** Names an order that can be cancelled, when there is one: then the answer is an approval card. */
const cancel = (number: string | undefined): Suggestion =>
  same(
    number === undefined ? "Cancel my newest order" : `Cancel order ${number}`,
    "Asks for your approval first",
  );

/** The dare: ask for somebody else's orders, and see the refusal with its receipt. */
function theft(user: User): Suggestion {
  const isBob = user.email.startsWith("bob.");
  return isBob
    ? {
        label: "Try to see Alice's orders",
        ask: "Show me Alice Johnson's orders",
        hint: "See what a refusal looks like",
      }
    : {
        label: "Try to see Bob's orders",
        ask: "Show me Bob Smith's orders",
        hint: "See what a refusal looks like",
      };
}

/** In: the person, and the number of an order of theirs that can still be cancelled. */
export function suggestionsFor(user: User, cancellable?: string): readonly Suggestion[] {
  if (user.role === "admin") {
    return [
      { label: "Show me Bob Smith's orders", ask: "Show me Bob Smith's orders", hint: "Needs an open case" },
      latest,
      headphones,
      same("What does my profile say?", "Tier and spending"),
    ];
  }
  if (user.role === "seller") {
    return [
      headphones,
      same("Find a warm jacket with good reviews", "From the catalogue"),
      latest,
      theft(user),
    ];
  }
  return [latest, headphones, cancel(cancellable), theft(user)];
}
