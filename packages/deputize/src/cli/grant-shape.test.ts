import { describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { type GrantAnswer, drawTree, limitsOf } from "./grant-shape.ts";

const NOW = Date.UTC(2026, 10, 22);
const clock = manualClock(NOW);

function grant(id: string, parent: string | null, change: Partial<GrantAnswer> = {}): GrantAnswer {
  const at = new Date(NOW + 60_000).toISOString();
  return {
    id,
    parent,
    depth: 0,
    kind: "app",
    state: "active",
    subject: { id: "app", kind: "app", name: "app:shop" },
    actor: { id, kind: "agent", name: `worker-${id}` },
    scopes: ["read:data:1"],
    audiences: [],
    issued_at: at,
    expires_at: at,
    renew_until: at,
    ...change,
  };
}

describe("the limits of a grant", () => {
  it("are said in words, also those of a later version", () => {
    expect(limitsOf()).toEqual([]);
    const small = { tool: "orders/refund_order", argument: "amount", max: 5000 };
    expect(limitsOf({ small, later: { ...small, at: "noon" } })).toEqual([
      "small: orders/refund_order: amount at most 5000",
      "later: of a kind that this program does not know",
    ]);
  });
});

describe("the drawn tree", () => {
  it("hangs each grant below its parent", () => {
    const drawn = drawTree(
      [
        grant("1", null, { task_id: "t" }),
        grant("2", "1"),
        grant("3", "1", { state: "revoked", reason: "incident" }),
        grant("4", "2"),
      ],
      "2",
      clock,
    );
    expect(drawn.join("\n")).toBe(
      [
        "worker-1 for app:shop: active, 1m left",
        "│  read:data:1   task t",
        "│  grant 1",
        "├─ worker-2 for app:shop: active, 1m left   <- this one",
        "│  │  read:data:1",
        "│  │  grant 2",
        "│  └─ worker-4 for app:shop: active, 1m left",
        "│        read:data:1",
        "│        grant 4",
        "└─ worker-3 for app:shop: revoked (incident)",
        "      read:data:1",
        "      grant 3",
      ].join("\n"),
    );
  });

  it("loses no grant whose parent is not among them, and shows no control characters", () => {
    const drawn = drawTree(
      [grant("9", "8", { actor: { id: "9", kind: "agent", name: "a\u001b[31mb" } })],
      undefined,
      clock,
    );
    expect(drawn[0]).toBe("a?[31mb for app:shop: active, 1m left");
  });
});
