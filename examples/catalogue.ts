/** The examples by name, in the order in which they are best read. */
import type { Example } from "./example.ts";

export const CATALOGUE: Readonly<Record<string, () => Promise<Example>>> = {
  "order-worker": () => import("./order-worker/main.ts"),
  "data-pipeline": () => import("./data-pipeline/main.ts"),
  "patient-guard": () => import("./patient-guard/main.ts"),
  moderation: () => import("./moderation/main.ts"),
  "deploy-chain": () => import("./deploy-chain/main.ts"),
  "trading-agent": () => import("./trading-agent/main.ts"),
  "incident-response": () => import("./incident-response/main.ts"),
  "audit-scanner": () => import("./audit-scanner/main.ts"),
  "file-gate": () => import("./file-gate/main.ts"),
  "api-gateway": () => import("./api-gateway/main.ts"),
  "tool-executor": () => import("./tool-executor/main.ts"),
  pipeline: () => import("./pipeline/main.ts"),
  "audit-reader": () => import("./audit-reader/main.ts"),
  "worker-lifecycle": () => import("./worker-lifecycle/main.ts"),
  "tenant-factory": () => import("./tenant-factory/main.ts"),
  webhook: () => import("./webhook/main.ts"),
  "ceiling-guard": () => import("./ceiling-guard/main.ts"),
  "revocation-watch": () => import("./revocation-watch/main.ts"),
  medassist: () => import("./medassist/main.ts"),
  "support-tickets": () => import("./support-tickets/main.ts"),
  "weather-api": () => import("./weather-api/main.ts"),
  "customer-ops": () => import("./customer-ops/main.ts"),
  "multi-user-support": () => import("./multi-user-support/main.ts"),
  "retail-desk": () => import("./retail-desk/main.ts"),
  "guarded-tool": async () => ({
    title: "a tool server with a guard: one caller sees the tool, for the other there is none",
    ceiling: [],
    run: async () => {
      await import("./guarded-tool.ts");
    },
  }),
};
