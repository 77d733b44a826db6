import { systemClock } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { InMemoryTransport, createRequestStateCodec } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { Catalogue } from "./admission.ts";
import { memoryAudit } from "./audit-sink.ts";
import { Background } from "./background.ts";
import { toolDefinition } from "./definition.ts";
import { ErrorMap } from "./error-map.ts";
import { publicTool } from "./guards.ts";
import { protocolServer } from "./protocol.ts";
import { ephemeralSessions } from "./session-stores.ts";

describe("the protocol layer", () => {
  it("refuses lists and calls that came without a caller, whatever the transport", async () => {
    const audit = memoryAudit();
    const catalogue = new Catalogue();
    const ran: string[] = [];
    const options = { description: "o", effect: "read", guards: [publicTool()] } as const;
    catalogue.add(toolDefinition("open", options, () => ({ count: ran.push("open") })));
    const server = protocolServer({
      name: "s",
      version: "1",
      instructions: undefined,
      hideUnauthorized: true,
      catalogue,
      services: {
        server: "s",
        store: undefined,
        audit,
        approvals: undefined,
        runGate: undefined,
        approvalUrl: undefined,
        secrets: {},
        sessions: ephemeralSessions(() => openEphemeral()),
        clock: systemClock,
        middleware: () => [],
        sessionTtlMs: undefined,
        maxResultBytes: 1000,
        results: undefined as never,
        background: new Background(),
        credentialHeaders: new Set(),
        errors: new ErrorMap(),
        mac: () => "",
      },
      stateCodec: createRequestStateCodec({ key: new Uint8Array(32) }),
      arrivalOf: () => undefined,
    });
    const [near, far] = InMemoryTransport.createLinkedPair();
    await server.connect(far);
    const answers: Record<string, unknown>[] = [];
    Object.assign(near, { onmessage: (message: Record<string, unknown>) => void answers.push(message) });
    await near.start();
    const clientInfo = { name: "c", version: "1" };
    await near.send({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo },
    });
    await near.send({ jsonrpc: "2.0", id: 2, method: "tools/list" });
    await near.send({ jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "open", arguments: {} } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers.filter((a) => a["id"] !== 1)).toMatchObject([
      { id: 2, error: { code: -32603 } },
      { id: 3, error: { code: -32603 } },
    ]);
    expect(ran).toEqual([]);
  });
});
