import { describe, expect, it } from "vitest";
import {
  type Caller,
  DeputizeError,
  ERROR_STATUS,
  currentCaller,
  isUuid,
  manualClock,
  newId,
  parsePrincipalId,
  requireCaller,
  stableId,
  toProblem,
  withCaller,
} from "./index.ts";

const caller = (name: string): Caller => ({
  tenant: "default",
  subject: parsePrincipalId(stableId(name)),
  subjectKind: "user",
  actors: [],
  roles: ["customer"],
  scopes: ["read:orders:*"],
  grants: [],
  clientId: "test",
});

describe("errors", () => {
  it("say nothing of an unknown cause", () => {
    const problem = toProblem(new Error("password of alice is customer123"), "r1");
    expect(JSON.stringify(problem)).not.toContain("alice");
    expect(problem).toMatchObject({ status: 500, code: "internal", request_id: "r1" });
  });

  it("keep their published statuses", () => {
    expect(ERROR_STATUS).toMatchObject({
      unauthenticated: 401,
      invalid_token: 401,
      grant_revoked: 401,
      forbidden: 403,
      insufficient_scope: 403,
      not_found: 404,
      method_not_allowed: 405,
      conflict: 409,
      payload_too_large: 413,
      validation_failed: 422,
      rate_limited: 429,
      audit_unavailable: 503,
    });
    expect(new DeputizeError("not_found", "no such order").status).toBe(404);
  });
});

describe("ids", () => {
  it("are UUIDs: in order of time for events, the same for the same natural key", () => {
    const clock = manualClock(1_800_000_000_000);
    const first = newId(clock);
    clock.advance(5);
    expect(isUuid(first)).toBe(true);
    expect(first[14]).toBe("7");
    expect(newId(clock) > first).toBe(true);
    expect(stableId("user:a")).toBe(stableId("user:a"));
    expect(stableId("user:a")).not.toBe(stableId("user:b"));
    expect(stableId("user:a")[14]).toBe("5");
  });

  it.each(["", "x", "00000000-0000-0000-0000-000000000000", "ABCDEF00-0000-4000-8000-000000000000", 7, null])(
    "refuse %s",
    (input) =>
      expect(() => parsePrincipalId(input)).toThrow(expect.objectContaining({ code: "invalid_request" })),
  );
});

describe("the caller's context", () => {
  it("is there inside and gone outside, and does not mix between parallel requests", async () => {
    expect(currentCaller()).toBeUndefined();
    expect(() => requireCaller()).toThrow(expect.objectContaining({ code: "unauthenticated" }));
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        withCaller(caller(`user:${i}`), async () => {
          await new Promise((resolve) => setTimeout(resolve, (i * 7) % 13));
          return requireCaller().subject;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => stableId(`user:${i}`)));
    expect(currentCaller()).toBeUndefined();
  });

  it("is frozen, so that no handler widens what the next one sees", () => {
    withCaller(caller("user:a"), () => {
      const mine = requireCaller() as unknown as { roles: string[]; subject: string };
      expect(() => mine.roles.push("admin")).toThrow(TypeError);
      expect(() => {
        mine.subject = "somebody else";
      }).toThrow(TypeError);
    });
  });
});
