import { describe, expect, it } from "vitest";
import { z } from "zod";
import { authWith, errorOf, smallServer } from "../test/servers.ts";
import { clientOf } from "../test/world.ts";
import {
  type CallLogLine,
  type Provided,
  TestClient,
  hasRole,
  logging,
  provide,
  rateLimit,
} from "./index.ts";

/** A server with one tool that injects two things, and a record of what happened to them. */
function world() {
  const did: string[] = [];
  const lines: CallLogLine[] = [];
  const { server, audit } = smallServer();
  server.use(logging((line) => lines.push(line)));
  const state = { fails: "", late: Promise.resolve() };
  const make = (name: string) =>
    provide(
      name,
      async (context) => {
        did.push(`make ${name}`);
        if (state.fails === name) throw new Error(`no ${name}`);
        return `${name} of ${context.client.subject}`;
      },
      {
        dispose: () => {
          did.push(`dispose ${name}`);
          if (state.fails === `dispose ${name}`) throw new Error("stuck");
        },
      },
    );
  const [first, second] = [make("first"), make("second")];
  const other = provide("other", () => 1);
  server.tool(
    "use",
    {
      description: "u",
      effect: "read",
      guards: [hasRole("analyst")],
      input: { n: z.number(), wrong: z.boolean().default(false) },
      argumentGuards: [{ name: "not 13", check: ({ args }) => args.n !== 13 }],
      inject: [first, second],
      timeoutMs: 60,
    },
    async ({ wrong }, context) => {
      did.push("handle");
      await state.late;
      const value: string = context.get(second);
      return { value, ...(wrong && { other: context.get(other) }) };
    },
  );
  return { server, audit, did, lines, state };
}
const analyst = "alice+analyst";

describe("provide", () => {
  it("makes what a tool injects once a call, in order, and disposes of it in reverse [PR-F21]", async () => {
    const { server, did } = world();
    const result = await clientOf(server, analyst).callTool("use", { n: 1 });
    expect(result.structuredContent?.["value"]).toMatch(/^second of [0-9a-f-]{36}$/);
    expect(did).toEqual(["make first", "make second", "handle", "dispose second", "dispose first"]);
  });

  it("makes nothing for strangers, for those who may not, or for bad arguments; strangers learn no schema [PR-D06]", async () => {
    const { server, did } = world();
    const bad = { name: "use", arguments: { n: "one", surprise: true } };
    const stranger = await new TestClient(server).send("tools/call", bad);
    expect(stranger.status).toBe(401);
    expect(await stranger.text()).not.toMatch(/surprise|number|\bn\b/);
    await clientOf(server, "alice")
      .callTool("use", { n: 1 })
      .catch(() => undefined);
    expect(errorOf(await clientOf(server, analyst).callTool("use", bad.arguments))?.code).toBe(
      "validation_failed",
    );
    expect(errorOf(await clientOf(server, analyst).callTool("use", { n: 13 }))?.code).toBe("not_found");
    server.use(rateLimit({ perMinute: 1 }));
    await clientOf(server, "carol+analyst").callTool("use", { n: 13 });
    expect(
      (await clientOf(server, "carol+analyst").send("tools/call", { name: "use", arguments: { n: 1 } }))
        .status,
    ).toBe(429);
    expect(did).toEqual([]);
  });

  it("fails the call when a factory throws, with nothing of its message, and disposes of the rest", async () => {
    const { server, did, state, audit } = world();
    state.fails = "second";
    const result = await clientOf(server, analyst).callTool("use", { n: 1 });
    expect(errorOf(result)?.code).toBe("internal");
    expect(JSON.stringify(result)).not.toContain("no second");
    expect(did).toEqual(["make first", "make second", "dispose first"]);
    expect(audit.entries).toMatchObject([{ outcome: "failed", reason: "internal" }]);
  });

  it("logs a disposal that fails; the answer stands", async () => {
    const { server, did, state, lines } = world();
    state.fails = "dispose second";
    expect(errorOf(await clientOf(server, analyst).callTool("use", { n: 1 }))).toBeUndefined();
    expect(did.at(-1)).toBe("dispose first");
    expect(lines.map(({ outcome, stage }) => [outcome, stage])).toEqual([
      ["failed", "dispose"],
      ["allowed", undefined],
    ]);
  });

  it("disposes when a late handler comes back, not before", async () => {
    const { server, did, state } = world();
    const gate = Promise.withResolvers<void>();
    state.late = gate.promise;
    expect(errorOf(await clientOf(server, analyst).callTool("use", { n: 1 }))?.code).toBe("timeout");
    expect(did).not.toContain("dispose first");
    gate.resolve();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(did.at(-1)).toBe("dispose first");
  });

  it("refuses what the tool did not name", async () => {
    const { server } = world();
    expect(errorOf(await clientOf(server, analyst).callTool("use", { n: 1, wrong: true }))?.code).toBe(
      "internal",
    );
  });

  it("lets one be made of another, as the caller", async () => {
    const { server } = smallServer({ auth: authWith(() => ({ tenant: "acme" })) });
    const tenant = provide("tenant", ({ caller }) => caller.tenant);
    const client: Provided<string> = provide("client", (context) => `client of ${context.get(tenant)}`);
    server.tool(
      "use",
      { description: "u", effect: "read", guards: [() => true], inject: [tenant, client] },
      (_args, context) => ({ client: context.get(client) }),
    );
    expect((await clientOf(server, "bob").callTool("use")).structuredContent).toEqual({
      client: "client of acme",
    });
    expect(server.explain()[0]?.steps.find((step) => step.startsWith("handler"))).toMatch(
      /injects tenant, client/,
    );
  });
});
