import { describe, expect, it } from "vitest";
import { healthRoutes } from "./health.ts";

const model = { name: "offline", offline: true };

function health(query: () => Promise<unknown>) {
  return healthRoutes({
    store: { kind: "embedded", pool: () => ({ query }) as never },
    ephemeral: { kind: "in-process", get: async () => undefined },
    model,
    version: "0.1.0",
    timeoutMs: 20,
  });
}

describe("GET /health", () => {
  it("says what it stands on", async () => {
    const response = await health(async () => ({})).request("/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: "ok",
      database: { kind: "embedded", up: true },
      ephemeral: { kind: "in-process", up: true },
      model,
      version: "0.1.0",
    });
  });

  it("answers while the database fails or hangs, and says nothing of why [SR-01]", async () => {
    for (const query of [
      () => Promise.reject(new Error("password authentication failed")),
      () => new Promise(() => {}),
    ]) {
      const response = await health(query).request("/health");
      expect(response.status).toBe(503);
      const text = await response.text();
      expect(text).toContain('"unavailable"');
      expect(text).not.toContain("password");
    }
  });
});
