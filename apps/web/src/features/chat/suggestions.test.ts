import { describe, expect, it } from "vitest";
import type { Role } from "../../api/types.ts";
import { suggestionsFor } from "./suggestions.ts";

const person = (email: string, role: Role) => ({ id: "u", email, name: "N", role });

describe("suggestions", () => {
  it.each(["customer", "power_user", "seller", "admin"] as const)(
    "are four, all different, for a %s",
    (role) => {
      const labels = suggestionsFor(person("x@example.com", role)).map((item) => item.label);
      expect(new Set(labels).size).toBe(4);
    },
  );

  it("dare a customer to look at somebody else's orders, and Bob at Alice's", () => {
    expect(suggestionsFor(person("alice.johnson@gmail.com", "customer"))).toContainEqual(
      expect.objectContaining({ label: "Try to see Bob's orders", ask: "Show me Bob Smith's orders" }),
    );
    expect(suggestionsFor(person("bob.smith@gmail.com", "customer")).map((item) => item.label)).toContain(
      "Try to see Alice's orders",
    );
  });
});
