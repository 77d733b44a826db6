/** Small servers without a database, for tests of what stands around a handler. */
import type { Caller } from "@deputize/core";
import {
  type Authenticator,
  MCPServer,
  type MCPServerOptions,
  type MemoryAudit,
  type ToolCallResult,
  memoryAudit,
} from "../src/index.ts";
import { testAuth } from "./world.ts";

export interface SmallServer {
  readonly server: MCPServer;
  readonly audit: MemoryAudit;
}

export function smallServer(options: Partial<MCPServerOptions> = {}): SmallServer {
  const audit = memoryAudit();
  return { audit, server: new MCPServer({ name: "s", auth: testAuth, audit, ...options }) };
}

/** The test's callers, each changed before anybody sees it. */
export const authWith = (change: (caller: Caller) => Partial<Caller>): Authenticator => ({
  name: "test",
  authenticate: async (request) => {
    const caller = await testAuth.authenticate(request);
    return { ...caller, ...change(caller) };
  },
});

interface ErrorShape {
  readonly code: string;
  readonly message: string;
  readonly retry_after_seconds?: number;
  readonly detail?: Record<string, unknown>;
}

/** The refusal in a tool's answer. */
export const errorOf = (result: ToolCallResult): ErrorShape | undefined =>
  result.structuredContent?.["error"] as ErrorShape | undefined;
