import { describe, expect, it } from "vitest";
import { installTelemetry, telemetry } from "./telemetry.ts";

describe("telemetry", () => {
  it("does nothing, and runs the work, while nobody listens", async () => {
    telemetry.count("registrations", { status: "success" });
    expect(telemetry.span("x", {}, () => 3)).toBe(3);
    await expect(telemetry.span("x", {}, () => Promise.resolve(4))).resolves.toBe(4);
    expect(telemetry.traceparent()).toBeUndefined();
  });

  it("counts a label's unknown value as `other`, and drops unknown labels [AW-D27]", () => {
    const seen: unknown[] = [];
    const stop = installTelemetry({ count: (...args) => seen.push(args) });
    telemetry.count("tokens_revoked", { level: "spiffe://customer-42" });
    telemetry.count("refusals", { code: "forbidden", email: "bob@example.com" } as { code: string }, 2);
    stop();
    telemetry.count("refusals", { code: "forbidden" });
    expect(seen).toEqual([
      ["tokens_revoked", { level: "other" }, 1],
      ["refusals", { code: "forbidden" }, 2],
    ]);
  });

  it("survives a sink that throws", () => {
    const seen: string[] = [];
    const stops = [
      installTelemetry({
        count: () => {
          throw new Error("full");
        },
      }),
      installTelemetry({ count: (name) => seen.push(name) }),
    ];
    telemetry.count("launch_tokens_created", {});
    for (const stop of stops) stop();
    expect(seen).toEqual(["launch_tokens_created"]);
  });

  it("lets what the work throws pass through a tracer", async () => {
    const stop = installTelemetry({
      span: (_name, _attributes, work) => work(),
      traceparent: () => "00-a-b-01",
    });
    await expect(telemetry.span("x", {}, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(telemetry.traceparent()).toBe("00-a-b-01");
    stop();
  });
});
